import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { setMemberRole } from '../../src/members/set-member-role.ts'
import { deleteSecret } from '../../src/secrets/delete-secret.ts'
import { revealSecret } from '../../src/secrets/reveal-secret.ts'
import { AuditLogDocument, type AuditLogQuery } from '../generated/operations.ts'
import { as, type Company, createCompany, type Person } from '../support/company.ts'
import { dataOf, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let company: Company

type Entry = NonNullable<AuditLogQuery['auditLog']>['edges'][number]['node']

beforeAll(async () => {
  server = await startServer()
  company = await createCompany(server)
})
afterAll(() => server.close())

const log = async (filter: object = {}, by: Person = 'ownA'): Promise<Entry[]> =>
  dataOf(await server.graphql(AuditLogDocument, { filter, first: 100 }, as(by))).auditLog?.edges.map(({ node }) => node) ?? []
const newest = async (): Promise<Entry | undefined> => (await log())[0]

test('every kind of change leaves an entry with its actor and its subject', async () => {
  const { ports } = server.app
  const { ownA, devA } = company.members
  const appId = company.appId
  const { instanceId } = await createAppInstance(ports, ownA, { appId, name: 'told' })
  expect(await newest()).toMatchObject({
    kind: 'INSTANCE_CREATED',
    subjectName: 'told',
    actor: { id: ownA.memberId },
    instance: { id: instanceId },
    app: { id: appId },
  })
  await setInstanceAccess(ports, ownA, { instanceId, memberId: devA.memberId, role: 'OWNER' })
  expect(await newest()).toMatchObject({
    kind: 'INSTANCE_ACCESS_CHANGED',
    subjectName: 'told',
    actor: { id: ownA.memberId },
    instance: { id: instanceId },
    member: { id: devA.memberId },
  })
  const { keyId, secretId } = await createApiKey(ports, devA, { instanceId, name: 'kept', expiresInDays: 1, saveAsSecret: { name: 'kept' } })
  const [saved, created] = await log()
  expect(created).toMatchObject({
    kind: 'API_KEY_CREATED',
    subjectName: 'kept',
    actor: { id: devA.memberId },
    apiKey: { id: keyId },
    instance: { id: instanceId },
  })
  expect(saved).toMatchObject({ kind: 'API_KEY_SAVED_AS_SECRET', actor: { id: devA.memberId }, apiKey: { id: keyId }, secret: { id: secretId } })
  await revealSecret(ports, ownA, { id: secretId ?? '' })
  expect(await newest()).toMatchObject({ kind: 'SECRET_REVEALED', subjectName: 'kept', actor: { id: ownA.memberId }, secret: { id: secretId } })
  // An Aura Owner reads that it happened, not what other members call their secrets.
  expect((await log({}, 'auraA'))[0]).toMatchObject({ kind: 'SECRET_REVEALED', subjectName: 'a secret of another member', secret: null })
  await deleteSecret(ports, devA, { id: secretId ?? '' })
  expect(await newest()).toMatchObject({ kind: 'SECRET_DELETED', subjectName: 'kept', actor: { id: devA.memberId }, secret: null })
  const { keyId: revoked } = await createApiKey(ports, devA, { instanceId, name: 'revoked', expiresInDays: 1 })
  await revokeApiKeys(ports, ownA, { ids: [revoked], acknowledged: true })
  expect(await newest()).toMatchObject({ kind: 'API_KEY_REVOKED', actor: { id: ownA.memberId }, apiKey: { id: revoked, status: 'REVOKED' } })
  const start = server.time.now
  server.time.now = new Date(start.getTime() + 2 * 86_400_000)
  await server.app.sweep()
  expect(await newest()).toMatchObject({ kind: 'API_KEY_EXPIRED', actor: null, apiKey: { id: keyId, status: 'EXPIRED' } })
  server.time.now = start
  const { memberId } = await addMember(ports, ownA, { subject: 'told', name: 'Told', role: 'MEMBER' })
  expect(await newest()).toMatchObject({ kind: 'MEMBER_ADDED', subjectName: 'Told', member: { id: memberId } })
  await setMemberRole(ports, ownA, { id: memberId, role: 'AURA_OWNER' })
  expect(await newest()).toMatchObject({ kind: 'MEMBER_ROLE_CHANGED', subjectName: 'Told', member: { id: memberId } })
  const orphan = await createApiKey(ports, { ...ownA, memberId }, { instanceId, name: 'left', expiresInDays: 9 })
  await removeMember(ports, ownA, { id: memberId, acknowledged: true })
  const [orphaned, removed] = await log()
  expect(removed).toMatchObject({ kind: 'MEMBER_REMOVED', subjectName: 'Told', actor: { id: ownA.memberId }, member: { id: memberId } })
  expect(orphaned).toMatchObject({ kind: 'API_KEY_ORPHANED', subjectName: 'left', actor: { id: ownA.memberId }, apiKey: { id: orphan.keyId } })
  await deleteAppInstance(ports, ownA, { id: instanceId, acknowledged: true })
  expect((await log()).map((entry) => entry.kind)).toContain('INSTANCE_DELETED')
  const kinds = await server.sql<{ kind: string }>('SELECT unnest(enum_range(NULL::"EventKind"))::text AS kind')
  const told = await server.sql<{ kind: string }>('SELECT DISTINCT kind::text FROM event')
  expect(told.map(({ kind }) => kind).sort()).toEqual(kinds.map(({ kind }) => kind).sort())
})

test('KS-11 an entry of a creation has id, hint and actor, and neither plaintext nor digest', async () => {
  const { id, plaintext } = await company.createKey('devA', company.I1)
  const [entry] = await log({ apiKeyId: id })
  expect(entry).toMatchObject({ kind: 'API_KEY_CREATED', apiKey: { id }, actor: { id: company.members.devA.memberId } })
  const rows = JSON.stringify(await server.sql('SELECT * FROM event WHERE api_key_id = $1', id), (_, value) =>
    typeof value === 'bigint' ? Number(value) : value,
  )
  expect(rows).not.toContain(plaintext.slice(32, 60))
})

test('entries are filtered by kind, actor, key, instance and time, newest first and by pages', async () => {
  const { ownA, devA } = company.members
  const all = await log()
  const versions = all.map((entry) => entry.version)
  expect(versions).toEqual([...versions].sort((a, b) => b - a))
  for (const entry of await log({ kinds: ['API_KEY_CREATED'] })) expect(entry.kind).toBe('API_KEY_CREATED')
  expect(await log({ kinds: [] })).toEqual([])
  for (const entry of await log({ actorId: devA.memberId })) expect(entry.actor?.id).toBe(devA.memberId)
  for (const entry of await log({ instanceId: company.I1 })) expect(entry.instance?.id).toBe(company.I1)
  expect((await log({ actorId: devA.memberId })).length + (await log({ actorId: ownA.memberId })).length).toBeLessThanOrEqual(all.length)
  const later = new Date(server.time.now.getTime() + 86_400_000).toISOString()
  expect((await log({ since: later })).map((entry) => entry.kind)).toEqual(['API_KEY_EXPIRED'])
  expect((await log({ until: later })).length).toBe(all.length - 1)
  const paged: number[] = []
  for (let after: string | null = null, more = true; more; ) {
    const page: AuditLogQuery = dataOf(await server.graphql(AuditLogDocument, { first: 7, after }, as('ownA')))
    paged.push(...(page.auditLog?.edges.map(({ node }) => node.version) ?? []))
    expect(page.auditLog?.totalCount).toBe(all.length)
    after = page.auditLog?.pageInfo.endCursor ?? null
    more = page.auditLog?.pageInfo.hasNextPage ?? false
  }
  expect(paged).toEqual(versions)
})

test('rows older than the retention of the audit log go, and a feed that would need them says so', async () => {
  const short = await startServer({ AUDIT_RETENTION_DAYS: '10' })
  await createCompany(short)
  const before = await short.sql<{ n: number }>('SELECT count(*)::int AS n FROM event')
  await short.app.tidy()
  expect(await short.sql('SELECT count(*)::int AS n FROM event')).toEqual(before)
  short.time.now = new Date(short.time.now.getTime() + 11 * 86_400_000)
  await short.app.tidy()
  expect(await short.sql('SELECT 1 FROM event')).toEqual([])
  await short.close()
})
