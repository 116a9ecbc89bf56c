import { expect, vi } from 'vitest'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { byPrisma } from '../../src/store/client.ts'
import { lockOrganization } from '../../src/store/organization-lock.ts'
import { verificationStore } from '../../src/verification/store.ts'
import { ApiKeysDocument, AuditLogDocument, MembersDocument, SecretsDocument } from '../generated/operations.ts'
import { as, type Company, type TestKey } from './company.ts'
import { dataOf, type TestServer } from './server.ts'

/** One zone without summer time, two with it; before 1900 the offsets of all three had seconds. */
export const zones = ['Asia/Kolkata', 'America/New_York', 'Europe/Berlin'] as const

/** Moments in hours that these zones skip or have twice, and in those that they would if a time in UTC were taken for one of theirs. */
const moments = [
  '2040-03-11T02:30:00.001Z',
  '2040-03-11T06:59:59.999Z',
  '2040-03-11T07:00:00.000Z',
  '2040-03-25T00:59:59.999Z',
  '2040-03-25T02:30:00.500Z',
  '2040-10-28T00:30:00.000Z',
  '2040-10-28T01:30:00.000Z',
  '2040-11-04T01:30:00.000Z',
  '2040-11-04T05:30:00.000Z',
  '2040-11-04T06:30:00.000Z',
].map((text) => new Date(text))
const ends = [
  '03-10T02:30:00Z',
  '03-10T07:00:00Z',
  '03-31T01:00:00Z',
  '03-31T02:30:00Z',
  '10-27T00:30:00Z',
  '10-27T01:30:00Z',
  '11-03T05:30:00Z',
  '11-03T06:30:00Z',
]
  .reverse()
  .map((text) => new Date(`2041-${text}`))
const endOf = (index: number): Date => ends[index % ends.length] as Date
const later = new Date('2040-12-01T00:00:00Z')
const [hourMs, dayMs] = [3_600_000, 86_400_000]

export interface Fixture {
  readonly company: Company
  readonly keys: readonly TestKey[]
}

/** Rows of organization `a` with every kind of time, at these moments; the clock then stands where all keys are ACTIVE. */
export async function writeFixture(server: TestServer, company: Company): Promise<Fixture> {
  const { ports, lastUses } = server.app
  const { ownA } = company.members
  const keys: TestKey[] = []
  for (const [index, now] of moments.entries()) {
    server.time.now = now
    const { instanceId } = await createAppInstance(ports, ownA, { appId: company.appId, name: `i${index}` })
    const { memberId } = await addMember(ports, ownA, { subject: `m${index}`, name: `m${index}`, role: 'MEMBER' })
    const input = { instanceId: index % 2 ? company.I1 : instanceId, name: `k${index}`, expiresAt: endOf(index) }
    const { keyId, plaintext } = await createApiKey(ports, ownA, input)
    keys.push({ id: keyId, plaintext: plaintext?.expose() ?? '' })
    await createApiKey(ports, ownA, { ...input, name: `s${index}`, saveAsSecret: { name: `s${index}` } })
    if (index % 3 === 0) await server.verify(keys.at(-1)?.plaintext ?? '', input.instanceId)
    if (index % 3 === 1) await removeMember(ports, ownA, { id: memberId, acknowledged: true })
    if (index === 4) await deleteAppInstance(ports, ownA, { id: instanceId, acknowledged: true })
    if (index === 5) await revokeApiKeys(ports, ownA, { ids: [keyId], acknowledged: true })
  }
  await lastUses.flush()
  server.time.now = later
  return { company, keys }
}

const joins = `query ($id: ID!, $app: ID!) {
  apiKey(id: $id) {
    createdAt expiresAt lastUsedAt revokedAt revokedBy { joinedAt } createdBy { joinedAt removedAt }
    instance { createdAt deletedAt createdBy { joinedAt } apiKeys(first: 3, orderBy: LAST_USED_AT_DESC) { edges { cursor node { createdAt lastUsedAt } } } }
  }
  app(id: $app) { instances(first: 3) { edges { node { createdAt apiKeys(first: 2) { edges { cursor node { expiresAt lastUsedAt createdBy { joinedAt } } } } } } } }
}`
const orders = ['CREATED_AT_DESC', 'CREATED_AT_ASC', 'EXPIRES_AT_ASC', 'LAST_USED_AT_DESC'] as const

/** Everything that this node reads of the fixture: columns, joins, raw SQL, filters and pages both ways. */
export async function readAll(node: TestServer, { company, keys }: Fixture): Promise<object> {
  const { ports } = node.app
  const { organizationId } = company.members.ownA
  const page = async (variables: object) => dataOf(await node.graphql(ApiKeysDocument, variables, as('ownA'))).apiKeys
  const pages = async (orderBy: (typeof orders)[number], size: 'first' | 'last'): Promise<object[]> => {
    const seen: object[] = []
    for (let cursor: string | null | undefined = null, more = true; more && seen.length < 100; ) {
      const { edges, pageInfo } = await page({ orderBy, [size]: 7, [size === 'first' ? 'after' : 'before']: cursor })
      seen.push(...edges)
      cursor = size === 'first' ? pageInfo.endCursor : pageInfo.startCursor
      more = size === 'first' ? pageInfo.hasNextPage : pageInfo.hasPreviousPage
    }
    return seen
  }
  const near = (time: Date): string[] => [time.toISOString(), new Date(time.getTime() + 1).toISOString()]
  const total = async (filter: object): Promise<number> => (await page({ first: 0, filter })).totalCount
  const log = async (filter: object) => dataOf(await node.graphql(AuditLogDocument, { filter, first: 100 }, as('ownA'))).auditLog
  const recordOf = async (id: string) => (await verificationStore(node.app.database).records([id]))[0]
  const found: Record<string, unknown> = {}
  for (const order of orders) for (const size of ['first', 'last'] as const) found[`${order} ${size}`] = await pages(order, size)
  for (const time of ends.flatMap(near)) found[`expiresBefore ${time}`] = await total({ expiresBefore: time })
  for (const time of moments.flatMap(near)) found[`unusedSince ${time}`] = await total({ unusedSince: time })
  for (const time of moments) {
    found[`log ${time.toISOString()}`] = [(await log({ since: time }))?.totalCount, (await log({ until: time }))?.totalCount]
  }
  for (const { id } of keys) {
    found[`joins ${id}`] = await (await node.post({ query: joins, variables: { id, app: company.appId } }, as('ownA'))).json()
    found[`record ${id}`] = { ...(await recordOf(id)), readAt: null }
  }
  found['log'] = (await log({}))?.edges
  found['members'] = dataOf(await node.graphql(MembersDocument, { filter: { includeRemoved: true }, first: 100 }, as('ownA'))).members
  found['secrets'] = dataOf(await node.graphql(SecretsDocument, { first: 100 }, as('ownA'))).secrets
  found['since'] = await ports.events.since(organizationId, 0n)
  found['occurredAt'] = await ports.events.occurredAt(organizationId, 2n)
  const read = (await recordOf(keys[0]?.id ?? ''))?.readAt.getTime() ?? 0
  found['the clock of the database is ours'] = Math.abs(read - Date.now()) < hourMs / 4
  return found
}

/** Milliseconds since 1970 of columns, by an arithmetic that knows no zone. */
const msOf = async (server: TestServer, from: string, columns: readonly string[], id: string): Promise<Record<string, number>> => {
  const list = columns.map((column) => `round(extract(epoch FROM ${column}) * 1000)::float8 AS ${column}`)
  return (await server.sql<Record<string, number>>(`SELECT ${list} FROM ${from} WHERE id = $1`, id))[0] ?? {}
}

/** Writes of this node into organization `b`: what stands in the columns then is what the clock said, to the millisecond. */
export async function expectExactWrites(node: TestServer, utc: TestServer, company: Company, label: string): Promise<void> {
  const { ports } = node.app
  const { ownB } = company.members
  const own = { instanceId: company.J1, name: label }
  for (const [index, now] of moments.entries()) {
    node.time.now = now
    const { keyId } = await createApiKey(ports, ownB, { ...own, expiresAt: endOf(index) })
    const from = 'api_key JOIN key_use ON key_id = id'
    const neverUsed = new Date(now).setUTCFullYear(now.getUTCFullYear() - 1000)
    const columns = ['created_at', 'expires_at', 'last_used_at']
    expect(await msOf(utc, from, columns, keyId)).toEqual({ created_at: now.getTime(), expires_at: endOf(index).getTime(), last_used_at: neverUsed })
  }
  const now = moments[label.length % moments.length] as Date
  node.time.now = now
  const { memberId } = await addMember(ports, ownB, { subject: label, name: label, role: 'MEMBER' })
  const { instanceId } = await createAppInstance(ports, ownB, { appId: company.otherAppId, name: label })
  const { keyId, plaintext } = await createApiKey(ports, ownB, { ...own, instanceId, expiresInDays: 300 })
  await node.verify(plaintext?.expose() ?? '', instanceId)
  await node.app.lastUses.flush()
  await removeMember(ports, ownB, { id: memberId, acknowledged: true })
  await revokeApiKeys(ports, ownB, { ids: [keyId], acknowledged: true })
  await deleteAppInstance(ports, ownB, { id: instanceId, acknowledged: true })
  const ms = now.getTime()
  expect(await msOf(utc, 'member', ['joined_at', 'removed_at'], memberId)).toEqual({ joined_at: ms, removed_at: ms })
  expect(await msOf(utc, 'app_instance', ['created_at', 'deleted_at'], instanceId)).toEqual({ created_at: ms, deleted_at: ms })
  expect(await msOf(utc, 'api_key JOIN key_use ON key_id = id', ['revoked_at', 'last_used_at'], keyId)).toEqual({ revoked_at: ms, last_used_at: ms })
}

/** A key's life on this node, around the ends of its spans: neither a millisecond early nor one late. */
export async function expectExactEnds(node: TestServer, utc: TestServer, company: Company, label: string): Promise<void> {
  const { ports, sweep } = node.app
  const { ownB } = company.members
  const start = moments[label.length % moments.length] as Date
  const at = (ms: number): void => {
    node.time.now = new Date(start.getTime() + ms)
  }
  const status = async (id: string) =>
    dataOf(await node.graphql(ApiKeysDocument, { first: 100, filter: { search: label } }, as('ownB'))).apiKeys.edges.find(({ node: key }) => key.id === id)
      ?.node.status
  at(0)
  const input = { instanceId: company.J1, name: label, expiresAt: new Date(start.getTime() + 2 * hourMs), idempotencyKey: label }
  const { keyId, plaintext } = await createApiKey(ports, ownB, input)
  const verified = async () => (await node.verify(plaintext?.expose() ?? '', company.J1)).code
  expect([await verified(), await status(keyId)]).toEqual(['VALID', 'ACTIVE'])
  at(2 * hourMs - 1)
  await sweep()
  expect([await verified(), await status(keyId)]).toEqual(['VALID', 'ACTIVE'])
  at(2 * hourMs)
  expect(await verified()).toBe('EXPIRED')
  await vi.waitFor(async () => {
    await sweep()
    expect(await status(keyId)).toBe('EXPIRED')
  }, 20_000)
  expect(await msOf(utc, 'api_key', ['expired_at'], keyId)).toEqual({ expired_at: start.getTime() + 2 * hourMs })
  at(dayMs - 1)
  expect((await createApiKey(ports, ownB, input)).keyId).toBe(keyId)
  at(dayMs)
  expect((await createApiKey(ports, ownB, { ...input, expiresAt: later })).keyId).not.toBe(keyId)
  expect((await ports.keys.forget(new Date(start.getTime() + 2 * dayMs - 1))).count).toBe(0)
  expect((await ports.keys.forget(new Date(start.getTime() + 2 * dayMs))).count).toBe(1)
}

/** What is in force once the organization is locked. */
export const timeoutsOf = (node: TestServer, organizationId: string): Promise<unknown> =>
  node.app.database.client.$transaction(async (statements) => {
    await lockOrganization(byPrisma(statements), organizationId, 0)
    return statements.$queryRaw`SELECT current_setting('lock_timeout') AS lock, current_setting('idle_in_transaction_session_timeout') AS idle`
  })
