import { Client } from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { ApiKeyChangedDocument, type ApiKeyChangedSubscription, KeyCountsDocument, type KeyCountsSubscription } from '../generated/operations.ts'
import { type Company, createCompany } from '../support/company.ts'
import { startPooler } from '../support/pooler.ts'
import { recount } from '../support/recount.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { transports } from '../support/subscribe.ts'

const onPostgres = process.env['TEST_STORE'] === 'postgresql'

let pooler: Awaited<ReturnType<typeof startPooler>> | null = null
let direct: TestServer
/** The direct one, one behind the pooler that listens beside it, and one behind the pooler that only polls. */
let nodes: TestServer[]
let company: Company

beforeAll(async () => {
  direct = await startServer({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })
  company = await createCompany(direct)
  nodes = [direct, await direct.node(), await direct.node()]
  if (!onPostgres) return
  pooler = await startPooler(inject('postgresUrl'))
  const url = direct.app.config.DATABASE_URL ?? ''
  const pooled = pooler.urlOf(new URL(url).pathname.slice(1))
  nodes = [
    direct,
    await direct.node({ DATABASE_URL: pooled, DATABASE_LISTEN_URL: url }),
    await direct.node({ DATABASE_URL: pooled, DATABASE_LISTEN_URL: 'off' }),
  ]
})
afterAll(async () => {
  for (const node of nodes.slice(1).reverse()) await node.close()
  await pooler?.stop()
  await direct.close()
})

test('behind a pooler in transaction mode nodes listen on a direct connection, or poll', () => {
  expect(nodes.map((node) => node.isListening())).toEqual(onPostgres ? [true, true, null] : [null, null, null])
})

test('counts and feeds on every node see the changes of every other, in order', async () => {
  const { organizationId } = company.members.ownA
  const after = Number(await direct.app.ports.organizations.version(organizationId))
  const follow = async <Data>(node: TestServer, transport: keyof typeof transports, document: { toString(): string }, variables: object) =>
    transports[transport]<Data>(node, document.toString(), variables, `Bearer ${await node.token('ownA', 'a')}`)
  const feeds = await Promise.all(
    nodes.map((node, index) => follow<ApiKeyChangedSubscription>(node, index === 1 ? 'SSE' : 'WebSocket', ApiKeyChangedDocument, { after })),
  )
  const badges = await Promise.all(nodes.map((node) => follow<KeyCountsSubscription>(node, 'WebSocket', KeyCountsDocument, { instanceId: company.I1 })))
  for (const node of nodes) {
    const { keyId, plaintext } = await createApiKey(node.app.ports, company.members.ownA, { instanceId: company.I1, name: 'pooled', expiresInDays: 1 })
    for (const reader of nodes) expect(await reader.verify(plaintext?.expose() ?? '', company.I1)).toMatchObject({ code: 'VALID', keyId })
    await revokeApiKeys(node.app.ports, company.members.ownA, { ids: [keyId], acknowledged: true })
    for (const reader of nodes) expect(await reader.verify(plaintext?.expose() ?? '', company.I1)).toMatchObject({ code: 'REVOKED' })
  }
  for (const feed of feeds) {
    for (let step = 1; step <= 6; step++) expect((await feed.next())?.data?.apiKeyChanged.version).toBe(after + step)
    await feed.end()
  }
  for (const badge of badges) {
    let revoked = 0
    while (revoked < 3) revoked = (await badge.next())?.data?.keyCounts.revoked ?? Number.NaN
    await badge.end()
  }
})

test('many changes at once through few connections: versions without gaps, counts as the rows say, no errors', async () => {
  const { ownA, ownB } = company.members
  const write = async (index: number): Promise<void> => {
    const { ports } = (nodes[index % nodes.length] as TestServer).app
    const [actor, instanceId] = index % 2 === 0 ? ([ownA, company.I2] as const) : ([ownB, company.J1] as const)
    const { keyId } = await createApiKey(ports, actor, { instanceId, name: 'at once', expiresInDays: 1 })
    if (index % 3 === 0) await revokeApiKeys(ports, actor, { ids: [keyId], acknowledged: true })
  }
  for (let round = 0; round < 6; round++) await Promise.all(Array.from({ length: 18 }, (_, index) => write(round * 18 + index)))
  for (const { organizationId } of [ownA, ownB]) {
    const versions = await direct.sql<{ version: bigint }>('SELECT version FROM event WHERE organization_id = $1 ORDER BY version', organizationId)
    expect(versions.map(({ version }) => Number(version))).toEqual(Array.from(versions, (_, index) => index + 1))
  }
  expect(await recount(direct)).toEqual([])
  for (const { log } of nodes) expect(log.filter(({ level }) => level === 'error')).toEqual([])
})

test('a change behind a lock that is held gives up after two seconds, through the pooler too', async () => {
  if (!onPostgres) {
    // One connection: whoever wants to change something waits for its turn.
    const order: string[] = []
    await Promise.all([1, 2].map(() => company.createKey('ownA', company.I1).then(() => order.push('done'))))
    expect(order).toHaveLength(2)
    return
  }
  const holder = new Client({ connectionString: direct.app.config.DATABASE_URL })
  await holder.connect()
  await holder.query('BEGIN')
  await holder.query('SELECT 1 FROM organization WHERE id = $1 FOR UPDATE', [company.members.ownA.organizationId])
  const began = performance.now()
  const input = { instanceId: company.I1, name: 'late', expiresInDays: 1 }
  const refused = nodes.map((node) => createApiKey(node.app.ports, company.members.ownA, input))
  await Promise.all(refused.map((each) => expect(each).rejects.toMatchObject({ extensions: { code: 'UNAVAILABLE' } })))
  expect(performance.now() - began).toBeGreaterThan(1_500)
  expect(performance.now() - began).toBeLessThan(20_000)
  await holder.query('ROLLBACK')
  await holder.end()
})
