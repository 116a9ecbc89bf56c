import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { alternate } from './alternate.ts'
import { type HttpClients, type HttpFigures, measureHttp, startHttpClients } from './http/clients.ts'
import { endProcesses, findPostgres, install, pinning, type Server } from './processes.ts'
import { type Contenders, startContenders } from './reads/contenders.ts'
import { aimsOf, pageOf } from './reads/pages.ts'
import { createPlace, type Place } from './reads/place.ts'
import { type Kind, type Work, worksOf } from './reads/works.ts'
import { machine, publish } from './report.ts'

const sizes = (process.env['READS_KEYS'] ?? '1000').split(',').map(Number)
const seconds = Number(process.env['READS_SECONDS'] ?? 1.5)
const rounds = Number(process.env['READS_ROUNDS'] ?? 3)
/** Measures only works with this pattern in their names; nothing is published then. */
const only = process.env['READS_ONLY']
const connections = 16

/** By number of keys, by work and by who was asked. */
const found = new Map<number, Map<string, Map<Kind, HttpFigures[]>>>()

let clients: HttpClients
let postgres: number
const places: Place[] = []
beforeAll(async () => {
  install('reads')
  postgres = await findPostgres(inject('postgresUrl'))
  clients = startHttpClients()
}, 600_000)
afterAll(async () => {
  endProcesses()
  for (const place of places) await place.remove()
  const how = `${machine()}; ${pinning}, PostgreSQL on core 1; ${connections} connections, ${rounds} rounds of ${seconds} s.`
  const page = [how, ...[...found].map(([keys, works]) => pageOf(keys, works)), aimsOf(found)].join('\n\n')
  const isWhole = found.size === sizes.length && only === undefined && process.env['READS_PEOPLE'] === undefined
  if (isWhole && seconds >= 1 && rounds >= 3) publish('reads', page)
  console.log(page)
})

/** Measures one work, of those who answer it. */
async function measure(work: Work, contenders: Contenders): Promise<Map<Kind, HttpFigures[]>> {
  const subjects = work.by.map((kind) => ({
    kind,
    name: `${kind}, ${work.name}`,
    server: contenders.servers.get(kind) as Server,
    asked: contenders.asked(kind, work),
  }))
  const measured = await alternate(subjects, rounds, (subject) => measureHttp(subject, { clients, postgres, seconds, connections }))
  return new Map([...measured].map(([{ kind }, figures]) => [kind, figures]))
}

test.each(sizes)(
  'reads on %i keys',
  async (keys) => {
    const place = await createPlace(inject('postgresUrl'), keys)
    places.push(place)
    const wanted = worksOf(place).filter(({ name }) => only === undefined || new RegExp(only).test(name))
    const contenders = await startContenders(place, wanted)
    for (const work of contenders.works.filter(({ isSame }) => isSame)) {
      const answers = await contenders.answers(work)
      for (const answer of answers.values()) expect(answer).toEqual(answers.get('aura-keys'))
    }
    const measured = new Map<string, Map<Kind, HttpFigures[]>>()
    for (const work of contenders.works) measured.set(work.name, await measure(work, contenders))
    found.set(keys, measured)
    await contenders.end()
  },
  3_600_000,
)
