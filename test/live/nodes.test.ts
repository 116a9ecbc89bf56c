import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { parseHint } from '../../src/live/node-hints.ts'
import { ApiKeyChangedDocument, type ApiKeyChangedSubscription, KeyCountsDocument, type KeyCountsSubscription } from '../generated/operations.ts'
import { as, type Company, createCompany, type Person } from '../support/company.ts'
import { newSeed, seededRandom } from '../support/random.ts'
import { recount } from '../support/recount.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { type Stream, transports } from '../support/subscribe.ts'

const onPostgres = process.env['TEST_STORE'] === 'postgresql'

let nodes: TestServer[]
let company: Company

beforeAll(async () => {
  const environment = { WS_MAX_SOCKETS_PER_MEMBER: '1000', WS_MAX_MESSAGES_PER_MINUTE: '100000' }
  const first = await startServer(environment)
  company = await createCompany(first)
  // The third one has no connection to listen on: it only polls.
  nodes = [first, await first.node(), await first.node(onPostgres ? { DATABASE_LISTEN_URL: 'off' } : {})]
})
afterAll(async () => {
  for (const node of [...nodes].reverse()) await node.close()
})

const node = (index: number): TestServer => nodes[index % nodes.length] as TestServer

async function follow<Data>(
  at: TestServer,
  transport: keyof typeof transports,
  document: { toString(): string },
  variables: object,
  person: Person,
): Promise<Stream<Data>> {
  const { subject, organization } = as(person)
  return transports[transport]<Data>(at, document.toString(), variables, `Bearer ${await at.token(subject, organization)}`)
}

/** Ends every listening connection of every node, as a restart of the network would. */
const cutListeners = () =>
  node(0).sql<{ cut: boolean }>(
    "SELECT pg_terminate_backend(pid) AS cut FROM pg_stat_activity WHERE datname = current_database() AND (query LIKE 'LISTEN%' OR query LIKE 'SELECT pg_notify%')",
  )

test('a change on one node reaches the watchers of every other, those that only poll too', async () => {
  const streams = await Promise.all(nodes.map((at) => follow<KeyCountsSubscription>(at, 'WebSocket', KeyCountsDocument, { instanceId: company.I1 }, 'devA')))
  const before = (await Promise.all(streams.map((stream) => stream.next()))).map((answer) => answer?.data?.keyCounts.active)
  expect(new Set(before).size).toBe(1)
  await company.createKey('devA', company.I1)
  for (const stream of streams) expect((await stream.next())?.data?.keyCounts.active).toBe((before[0] ?? 0) + 1)
  await Promise.all(streams.map((stream) => stream.end()))
})

test('EV-06 hints that are none are dropped, whatever they are', async () => {
  const known = company.members.ownA.organizationId
  expect(parseHint(`${known}:7`)).toEqual([{ organizationId: known, version: 7n }])
  expect(parseHint(`${known}:7,${company.members.ownB.organizationId}:8`)).toHaveLength(2)
  const odd = [undefined, '', '{"__proto__":{"x":1}}', 'org_', known, `${known}:`, `${known}:-1`, `${known}:1:2`, `${known}:1,`, `${known}:1\n`]
  for (const payload of [...odd, `${known}:${'9'.repeat(19)}`, 'x'.repeat(8_000), Array(151).fill(`${known}:1`).join()]) expect(parseHint(payload)).toEqual([])
  if (onPostgres)
    for (const payload of ['{"__proto__":1}', 'x'.repeat(7_999), "'; DROP TABLE node; --"])
      await node(0).sql('SELECT pg_notify($1, $2)::text', 'aura_keys', payload)
  await company.createKey('devA', company.I1)
  expect((await fetch(`${node(1).url}/readyz`)).status).toBe(200)
})

test('EV-07 with the listening connections cut, nothing is missed and nothing comes twice', async () => {
  const [{ version }] = (await node(0).sql<{ version: bigint }>('SELECT version FROM organization WHERE id = $1', company.members.ownA.organizationId)) as [
    { version: bigint },
  ]
  const after = Number(version)
  const stream = await follow<ApiKeyChangedSubscription>(node(1), 'SSE', ApiKeyChangedDocument, { after }, 'ownA')
  for (let made = 0; made < 10; made++) {
    if (onPostgres) await cutListeners()
    await company.createKey('ownA', company.I2)
  }
  const versions: (number | undefined)[] = []
  while (versions.length < 10) versions.push((await stream.next())?.data?.apiKeyChanged.version)
  expect(versions).toEqual(Array.from({ length: 10 }, (_, index) => after + 1 + index))
  await stream.end()
})

const seed = newSeed()
test(`many writers, watchers on every node and transport, and broken connections: every feed is whole and in order (seed ${seed})`, async () => {
  const random = seededRandom(seed)
  const { ownA } = company.members
  const { ports } = node(0).app
  const after = Number(await ports.organizations.version(ownA.organizationId))
  const subscribers = await Promise.all(
    Array.from({ length: 18 }, (_, index) =>
      follow<ApiKeyChangedSubscription>(
        node(index),
        index % 2 === 0 ? 'WebSocket' : 'SSE',
        ApiKeyChangedDocument,
        { after },
        index % 3 === 0 ? 'auraA' : 'ownA',
      ),
    ),
  )
  const made: string[] = []
  const write = async (writer: number): Promise<void> => {
    for (let call = 0; call < 12; call++) {
      const at = node(writer + call).app.ports
      const known = made[Math.floor(random() * made.length)]
      if (known !== undefined && random() < 0.3) await revokeApiKeys(at, ownA, { ids: [known], acknowledged: true })
      else made.push((await company.createKey('ownA', random() < 0.5 ? company.I1 : company.I2)).id)
      if (onPostgres && random() < 0.1) await cutListeners()
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)))
  const last = Number(await ports.organizations.version(ownA.organizationId))
  const expected = Array.from({ length: last - after }, (_, index) => after + 1 + index)
  expect(expected.length).toBeGreaterThan(60)
  await Promise.all(
    subscribers.map(async (stream) => {
      const versions: number[] = []
      while (versions.length < expected.length) versions.push((await stream.next())?.data?.apiKeyChanged.version ?? Number.NaN)
      expect(versions).toEqual(expected)
      await stream.end()
    }),
  )
  expect(await recount(node(0))).toEqual([])
})

test('the listener comes back by itself', async () => {
  if (!onPostgres) {
    expect(node(0).isListening()).toBeNull()
    return
  }
  await vi.waitFor(() => expect([node(0), node(1), node(2)].map((each) => each.isListening())).toEqual([true, true, null]), { timeout: 10_000 })
  expect((await cutListeners()).length).toBeGreaterThan(0)
  await vi.waitFor(() => expect(node(1).isListening()).toBe(true), { timeout: 10_000 })
})
