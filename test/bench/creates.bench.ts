import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { alternate } from './alternate.ts'
import { createPlace, type Place } from './creates/place.ts'
import { type Asked, type HttpClients, type HttpFigures, measureHttp, post, startHttpClients } from './http/clients.ts'
import { endProcesses, findPostgres, install, pinning, type Server, startSmallServer } from './processes.ts'
import { aim, machine, publish, ratio, type Spread, spread, table, whole } from './report.ts'
import { newKey } from './verify/place.ts'

const seconds = Number(process.env['CREATES_SECONDS'] ?? 4)
const rounds = Number(process.env['CREATES_ROUNDS'] ?? 3)
const connections = 16
const many = 50

let place: Place
let clients: HttpClients
let postgres: number
beforeAll(async () => {
  install('better-auth')
  place = await createPlace(inject('postgresUrl'), many)
  postgres = await findPostgres(inject('postgresUrl'))
  clients = startHttpClients()
}, 300_000)
afterAll(async () => {
  endProcesses()
  await place.remove()
})

interface Contender {
  readonly name: string
  /** In how many organizations it creates; null where it knows none. */
  readonly organizations: number | null
  readonly server: Server
  readonly asked: readonly Asked[]
}

async function startBetterAuth(): Promise<Server> {
  const KEYS = join(place.folder, 'keys')
  writeFileSync(KEYS, `${newKey().text}\n`)
  return startSmallServer('better-auth/server.mjs', [], { KEYS, DATABASE_URL: place.url })
}

async function startContenders(): Promise<Contender[]> {
  const { settings, creates } = place
  const limit = await startSmallServer('creates/server.mjs', [], { ...settings, KIND: 'one statement' })
  const ours = await place.start({ KEY_CREATIONS_PER_MINUTE: '1000000' })
  const both = (name: string, server: Server): Contender[] => [
    { name, organizations: 1, server, asked: creates.slice(0, 1) },
    { name, organizations: many, server, asked: creates },
  ]
  return [
    { name: 'bare insert', organizations: null, server: await startSmallServer('creates/server.mjs', [], { ...settings, KIND: 'insert' }), asked: creates },
    ...both('one statement', limit),
    ...both('PL/pgSQL', await startSmallServer('creates/server.mjs', [], { ...settings, KIND: 'PL/pgSQL' })),
    ...both('two packets', await startSmallServer('creates/server.mjs', [], { ...settings, KIND: 'two packets' })),
    ...both('aura-keys', ours),
    { name: 'better-auth', organizations: null, server: await startBetterAuth(), asked: [{ text: post('/create', {}), expected: '"key":"' }] },
  ]
}

const of = (figures: readonly HttpFigures[], name: 'perSecond' | 'server' | 'postgres' | 'p50' | 'p99'): Spread => spread(figures.map((each) => each[name]))

function pageOf(measured: ReadonlyMap<Contender, readonly HttpFigures[]>): string {
  const figuresOf = (name: string, organizations: number | null): readonly HttpFigures[] =>
    [...measured].find(([each]) => each.name === name && each.organizations === organizations)?.[1] ?? []
  /** Round by round, against what was measured beside it. */
  const against = (figures: readonly HttpFigures[], name: string, organizations: number | null): Spread =>
    spread(figures.map(({ perSecond }, round) => perSecond / (figuresOf(name, organizations)[round]?.perSecond ?? Number.NaN)))
  const rows = [...measured].map(([{ name, organizations }, figures]) => [
    name,
    organizations === null ? '' : String(organizations),
    whole(of(figures, 'perSecond')),
    ratio(against(figures, 'better-auth', null)),
    organizations === null ? '' : ratio(against(figures, 'one statement', organizations)),
    whole(of(figures, 'server')),
    whole(of(figures, 'postgres')),
    `${of(figures, 'p50').median.toFixed(1)}, ${of(figures, 'p99').median.toFixed(1)}`,
  ])
  const head = ['server', 'organizations', 'creates/s', '× better-auth', '× one statement', 'CPU µs of the server', 'of PostgreSQL', 'p50, p99 ms']
  const aims = [1, many].flatMap((organizations) => {
    const ours = figuresOf('aura-keys', organizations)
    const where = organizations === 1 ? 'one organization' : `${organizations} organizations`
    return [
      aim(`${where}, × better-auth`, 1.5, against(ours, 'better-auth', null)),
      aim(`${where}, × one statement`, 0.5, against(ours, 'one statement', organizations)),
      aim(`${where}, two packets × PL/pgSQL`, 0.67, against(figuresOf('two packets', organizations), 'PL/pgSQL', organizations)),
    ]
  })
  const how = `${machine()}; ${pinning}, PostgreSQL on core 1 with fsync on; ${connections} connections, ${rounds} rounds of ${seconds} s.`
  return [how, table(head, rows), aims.join('\n')].join('\n\n')
}

test('creates per second, over HTTP', async () => {
  const contenders = await startContenders()
  const page = pageOf(await alternate(contenders, rounds, (contender) => measureHttp(contender, { clients, postgres, seconds, connections })))
  const database = new Client({ connectionString: place.url })
  await database.connect()
  const count = async (sql: string): Promise<number> => Number((await database.query(sql)).rows[0].count)
  const made = await count('SELECT count(*) FROM api_key')
  expect(made).toBeGreaterThan(0)
  expect(await count("SELECT count(*) FROM event WHERE kind = 'API_KEY_CREATED'")).toBe(made)
  expect(await count('SELECT sum(active) AS count FROM key_count JOIN organization ON id = subject_id')).toBe(made)
  await database.end()
  if (seconds >= 4 && rounds >= 3) publish('creates', page)
  console.log(page)
}, 900_000)
