import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { endProcesses, findPostgres, pinning } from './processes.ts'
import { machine, publish, ratio, type Spread, show, spread, table, whole } from './report.ts'
import { type Clients, startClients } from './verify/clients.ts'
import { compare, type Figures, rounds, type Subject, seconds, warm } from './verify/compare.ts'
import { createSubjects } from './verify/subjects.ts'

/** Measures only what has this pattern in its name and number of keys, beside bare node:http and the ceiling; nothing is published then. */
const only = process.env['VERIFY_ONLY']
const pages: string[] = []

let clients: Clients
let postgres: number
const subjects = createSubjects(inject('postgresUrl'))
beforeAll(async () => {
  postgres = await findPostgres(inject('postgresUrl'))
  clients = startClients()
})
afterAll(async () => {
  endProcesses()
  await subjects.close()
  const page = [`${machine()}; ${pinning}, PostgreSQL on core 1.`, ...pages].join('\n\n')
  if (only === undefined) publish('verify', page)
  console.log(page)
})

const of = (figures: readonly Figures[], name: keyof Figures): Spread => spread(figures.map((each) => each[name]))
/** Round by round, against what was measured beside it. */
const ratios = (figures: readonly Figures[], to: readonly Figures[] = []): Spread =>
  spread(figures.map(({ perSecond }, round) => perSecond / (to[round]?.perSecond ?? Number.NaN)))

const { bare, ceilings, others } = subjects
const isWanted = (name: string): boolean => only === undefined || new RegExp(only).test(name)
const chosen = others.filter(({ name, keys }) => isWanted(`${name} ${keys}`))
const beside = ceilings.filter(({ keys }) => chosen.some((each) => each.keys === keys))

/** More keys are not asked for before it begins: that would take longer than what is measured. */
const maxWarm = 100_000

test.each([1, 32, 256])(
  'requests a second over %i connections',
  async (connections) => {
    const made: Subject[] = []
    for (const { make } of [bare, ...beside, ...chosen]) made.push(await make())
    for (const subject of made) if (subject.keys > maxWarm) await warm(subject, clients, maxWarm)
    const measured = await compare(made, clients, connections, postgres)
    const bareFigures = measured.get(made[0] as Subject)
    const rows = [...measured].map(([{ name, keys }, figures]) => {
      const ceiling = made.find((each) => each.name === 'ceiling' && each.keys === keys)
      const isMany = keys > maxWarm
      return [
        name,
        name === 'bare node:http' ? '' : keys.toLocaleString('en'),
        whole(of(figures, 'perSecond')),
        ratio(ratios(figures, bareFigures)),
        ceiling ? ratio(ratios(figures, measured.get(ceiling))) : '',
        whole(of(figures, 'server')),
        whole(of(figures, 'postgres')),
        `${of(figures, 'p50').median.toFixed(1)}, ${of(figures, 'p99').median.toFixed(1)}`,
        isMany && name !== 'ceiling' ? `${of(figures, 'hits').median.toFixed(0)} %, ${of(figures, 'residentMb').median.toFixed(0)} MB` : '',
      ]
    })
    const head = ['server', 'keys in use', 'requests/s', '× bare', '× ceiling', 'CPU µs of the server', 'of PostgreSQL', 'p50, p99 ms', 'hits, memory']
    pages.push(`### ${connections} connection${connections > 1 ? 's' : ''}\n\n${table(head, rows)}`)
  },
  3_600_000,
)

test.runIf(isWanted('misses'))(
  'a miss among few keys and among many',
  async () => {
    const rows: string[][] = []
    const made = await Promise.all(subjects.misses.map(({ make }) => make()))
    for (const connections of [1, 32]) {
      const measured = await compare(made, clients, connections, postgres)
      const [few, many] = made.map((subject) => measured.get(subject) ?? []) as [Figures[], Figures[]]
      const cost = ({ server, postgres: database }: Figures): number => server + database
      for (const [subject, figures] of measured) {
        const against = spread(figures.map((each, round) => cost(each) / cost(few[round] as Figures)))
        rows.push([String(connections), subject.name, whole(of(figures, 'server')), whole(of(figures, 'postgres')), figures === many ? ratio(against) : ''])
      }
    }
    pages.push(`### A miss\n\n${table(['connections', 'keys in the table', 'CPU µs of the server', 'of PostgreSQL', 'both, × few keys'], rows)}`)
  },
  3_600_000,
)

test.runIf(isWanted('flood'))(
  'valid traffic beside a flood',
  async () => {
    const { server, place } = await subjects.valid.make()
    const { server: bareServer } = await bare.make()
    const noise = startClients()
    const asked = { file: place.file, instanceId: place.instanceId, kind: 'verify', expected: '"valid":true' } as const
    const junk = { ...asked, url: server.url, file: subjects.junk(), count: 50_000, expected: '"valid":false' }
    const floods = [
      { name: 'nothing', how: null, to: server },
      { name: 'junk, 32 connections', how: junk, to: server },
      { name: 'valid keys, 32 connections', how: { ...asked, url: server.url, count: 1 }, to: server },
      { name: 'bare node:http, 32 connections of the same', how: { ...junk, url: bareServer.url, expected: '' }, to: bareServer },
    ]
    const p50s = new Map<string, number[]>()
    const p99s = new Map<string, number[]>()
    const done = new Map<string, number[]>()
    const push = (map: Map<string, number[]>, name: string, value: number): void => void map.set(name, [...(map.get(name) ?? []), value])
    for (let round = 0; round < rounds; round++) {
      for (const { name, how, to } of floods) {
        await clients.open({ ...asked, url: to.url, count: to === server ? 100 : 1, connections: 32, warm: 300 })
        if (how) await noise.open({ ...how, connections: 32, warm: 0 })
        const flood = how && noise.run({ seconds: seconds + 0.5 })
        const { p50, p99, wrong } = await clients.run({ seconds, rate: 200 })
        expect(wrong).toBe(0)
        push(p50s, name, p50)
        push(p99s, name, p99)
        push(done, name, flood ? (await flood).requests / (seconds + 0.5) : 0)
        await clients.close()
        if (how) await noise.close()
      }
    }
    const valid = p99s.get('valid keys, 32 connections') ?? []
    const rows = floods.map(({ name }) => [
      name,
      whole(spread(done.get(name) ?? [])),
      show(spread(p50s.get(name) ?? [])),
      show(spread(p99s.get(name) ?? [])),
      ratio(spread((p99s.get(name) ?? []).map((p99, round) => p99 / (valid[round] ?? Number.NaN)))),
    ])
    pages.push(
      `### Valid traffic, 200 a second, beside a flood\n\n${table(['beside', 'flood, requests/s', 'p50 ms', 'p99 ms', 'p99 × beside valid keys'], rows)}`,
    )
  },
  3_600_000,
)
