import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatKey } from '../../src/crypto/key-format.ts'
import { newId } from '../../src/ids.ts'
import { CreateApiKeyDocument } from '../generated/operations.ts'
import { as, type Company, createCompany, type Person } from '../support/company.ts'
import { heaviest } from '../support/heaviest.ts'
import { startServer, type TestServer } from '../support/server.ts'

/** `npm run bench:noise` in small: where time would be noise, this counts who stands before whom. */
let server: TestServer
let company: Company
let key: string
/** For each verification that was looked up: how many statements of others began between its call and its own statement. */
let ahead: number[]

beforeAll(async () => {
  server = await startServer({ KEY_CREATIONS_PER_MINUTE: '1000000' })
  company = await createCompany(server)
  for (let index = 0; index < 20; index++) await company.createKey('devA', company.I1, `key ${index}`)
  key = (await company.createKey('devB', company.J1)).plaintext
  // Who is known already has one place among the senders, not one before and one after.
  for (const person of ['ownA', 'auraA', 'devA', 'dev2A'] as const) await post({ query: '{ viewer { member { id } } }' }, person)
  ahead = []
  const { verification } = server.app
  const { records } = verification
  Object.assign(verification, {
    records: (ids: readonly string[]) => {
      const from = server.statements.length
      const rows = records(ids)
      return rows.finally(() => {
        const own = server.statements.findIndex((sql, index) => index >= from && /api_key k JOIN key_digest/.test(sql))
        ahead.push(own - from)
      })
    },
  })
})
afterAll(() => server.close())

const metric = async (name: string): Promise<number> => {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  return Number(new RegExp(`^aura_keys_${name} (\\d+)$`, 'm').exec(text)?.[1])
}
const lockWaits = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FOR NO KEY UPDATE OF organization%'`

const create = (client: number, call: number) => ({
  query: CreateApiKeyDocument.toString(),
  variables: { input: { instanceId: company.I1, name: `noise ${client} ${call}`, expiresInDays: 1 } },
})
const post = async (body: object, who: Person | null) => (await server.post(body, who ? as(who) : null)).text()
const verifyAnew = async () => {
  const body = JSON.stringify({ key, instanceId: company.J1 })
  return (await fetch(`${server.url}/v1/verify`, { method: 'POST', headers: { 'cache-control': 'no-cache' }, body })).json()
}
const junk = async () => {
  const made = formatKey(newId('key'), randomBytes(32)).expose()
  await (await fetch(`${server.url}/v1/verify`, { method: 'POST', body: JSON.stringify({ key: made, instanceId: company.J1 }) })).text()
}

/** What each of eight clients does again and again. */
const noises: Record<string, (client: number, call: number) => Promise<unknown>> = {
  'made-up keys': junk,
  'documents of nobody': () => post({ query: `mutation { ...F } fragment F on Mutation { ${'__typename '.repeat(900)} }` }, null),
  ...Object.fromEntries(
    heaviest.map(({ name, role, query, variables }) => [
      `${name} as ${role}`,
      () => post({ query, variables: variables(company) }, role === 'OWNER' ? 'ownA' : 'devA'),
    ]),
  ),
  'keys by one member': (client, call) => post(create(client, call), 'devA'),
  'keys by four members': (client, call) => post(create(client, call), (['devA', 'dev2A', 'ownA', 'auraA'] as const)[client % 4] as Person),
}

for (const [name, once] of Object.entries(noises)) {
  test(`beside ${name} a verification of another organization waits for no statement of it, and the places stay within their bounds`, async () => {
    ahead = []
    server.statements.length = 0
    let running = true
    const clients = Array.from({ length: 8 }, async (_, client) => {
      for (let call = 0; running && call < 40; call++) await once(client, call)
    })
    const seen = { running: 0, lockWaits: 0, connections: 0 }
    for (let look = 0; look < 25; look++) {
      // Asked of the database every time, as for a key that is new to the node.
      expect(await verifyAnew()).toMatchObject({ valid: true })
      seen.running = Math.max(seen.running, await metric('operations_running'))
      if (server.app.database.kind === 'postgresql') {
        const [waits] = await server.sql<{ n: number }>(lockWaits)
        seen.lockWaits = Math.max(seen.lockWaits, waits?.n ?? 0)
        const [open] = await server.sql<{ n: number }>('SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database()')
        seen.connections = Math.max(seen.connections, open?.n ?? 0)
      }
      await pause(10)
    }
    running = false
    await Promise.all(clients)
    expect(ahead.length).toBeGreaterThanOrEqual(25)
    // On PostgreSQL others send theirs over other connections; the embedded database has one place, and verification is next for it: what
    // runs already ends first, which may be a change in its transaction.
    if (server.app.database.kind === 'pglite') expect(Math.max(...ahead)).toBeLessThanOrEqual(name.startsWith('keys') ? 12 : 1)
    expect(seen.running).toBeLessThanOrEqual(name.endsWith('as OWNER') || name.endsWith('as MEMBER') || name === 'keys by one member' ? 4 : 10)
    expect(seen.lockWaits).toBeLessThanOrEqual(1)
    // 10 of operations, 3 of verification, 4 of the system, and the one that listens.
    expect(seen.connections).toBeLessThanOrEqual(18)
  })
}
