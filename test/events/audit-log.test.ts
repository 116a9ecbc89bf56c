import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createApp } from '../../src/apps/create-app.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { revealSecret } from '../../src/secrets/reveal-secret.ts'
import { AuditLogDocument, type AuditLogQuery, EventsDocument, type EventsSubscription } from '../generated/operations.ts'
import { as, type Company, createCompany, type Person } from '../support/company.ts'
import { dataOf, startServer, type TestServer } from '../support/server.ts'
import { transports } from '../support/subscribe.ts'

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

test('an Aura Owner reads that a secret was revealed, not what another member calls it', async () => {
  const { ports } = server.app
  const { devA, ownA, auraA } = company.members
  const input = { instanceId: company.I1, name: 'behind', expiresInDays: 1, saveAsSecret: { name: 'kept' } }
  const { secretId } = await createApiKey(ports, devA, input)
  await revealSecret(ports, ownA, { id: secretId ?? '' })
  const [entry] = await log({}, 'ownA')
  expect(entry).toMatchObject({ kind: 'SECRET_REVEALED', subjectName: 'kept', actor: { id: ownA.memberId }, secret: { id: secretId } })
  expect((await log({}, 'auraA'))[0]).toMatchObject({ kind: 'SECRET_REVEALED', subjectName: 'a secret of another member', secret: null })
  const own = await createApiKey(ports, auraA, { ...input, saveAsSecret: { name: 'own' } })
  await revealSecret(ports, auraA, { id: own.secretId ?? '' })
  expect((await log({}, 'auraA'))[0]).toMatchObject({ kind: 'SECRET_REVEALED', subjectName: 'own', secret: { id: own.secretId } })
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

test('entries are filtered by kind, actor, key, instance and time: all that match, nothing else, newest first', async () => {
  const { ports } = server.app
  const { ownA, devA } = company.members
  const { id: apiKeyId } = await company.createKey('devA', company.I1, 'filtered')
  await revokeApiKeys(ports, ownA, { ids: [apiKeyId], acknowledged: true })
  const start = server.time.now
  const later = new Date(start.getTime() + 60_000)
  server.time.now = later
  const { instanceId } = await createAppInstance(ports, ownA, { appId: company.appId, name: 'later' })
  await company.createKey('ownA', instanceId)
  server.time.now = start
  const all = await log()
  const versions = all.map((entry) => entry.version)
  expect(versions).toEqual([...versions].sort((a, b) => b - a))
  expect(versions.length).toBeGreaterThan(10)
  const since = later.toISOString()
  const filters: Record<string, [filter: object, matches: (entry: Entry) => boolean]> = {
    'one kind': [{ kinds: ['API_KEY_CREATED'] }, ({ kind }) => kind === 'API_KEY_CREATED'],
    'two kinds': [{ kinds: ['MEMBER_ADDED', 'APP_CREATED'] }, ({ kind }) => kind === 'MEMBER_ADDED' || kind === 'APP_CREATED'],
    actor: [{ actorId: devA.memberId }, ({ actor }) => actor?.id === devA.memberId],
    key: [{ apiKeyId }, ({ apiKey }) => apiKey?.id === apiKeyId],
    instance: [{ instanceId: company.I1 }, ({ instance }) => instance?.id === company.I1],
    // From then on, and before then: what happened at that moment is in the first and not in the second.
    since: [{ since }, ({ occurredAt }) => occurredAt >= since],
    until: [{ until: since }, ({ occurredAt }) => occurredAt < since],
    'a moment': [{ since: start.toISOString(), until: since }, ({ occurredAt }) => occurredAt >= start.toISOString() && occurredAt < since],
    together: [
      { kinds: ['API_KEY_REVOKED'], actorId: ownA.memberId, apiKeyId, instanceId: company.I1, until: since },
      ({ kind, apiKey }) => kind === 'API_KEY_REVOKED' && apiKey?.id === apiKeyId,
    ],
    nulls: [{ kinds: null, actorId: null, apiKeyId: null, instanceId: null, since: null, until: null }, () => true],
  }
  for (const [name, [filter, matches]] of Object.entries(filters)) {
    const expected = all.filter(matches).map(({ version }) => version)
    // With nothing to find, or nothing to leave out, a filter that does nothing would pass.
    expect(expected.length, name).toBeGreaterThan(0)
    if (name !== 'nulls') expect(expected.length, name).toBeLessThan(all.length)
    const page = dataOf(await server.graphql(AuditLogDocument, { filter, first: 100 }, as('ownA'))).auditLog
    expect([name, page?.edges.map(({ node }) => node.version), page?.totalCount]).toEqual([name, expected, expected.length])
  }
  for (const none of [
    { kinds: [] },
    { kinds: ['SECRET_DELETED'] },
    { actorId: company.members.viewA.memberId },
    { actorId: 'mem_nobody' },
    { apiKeyId: 'key_nothing' },
    { instanceId: company.J1 },
    { since: new Date(later.getTime() + 1).toISOString() },
    { until: '2020-01-01T00:00:00Z' },
    { since, until: since },
    { apiKeyId, instanceId },
  ]) {
    expect([none, await log(none)]).toEqual([none, []])
  }
})

test('entries come by pages, each once, also those of a filter', async () => {
  for (const filter of [{}, { kinds: ['API_KEY_CREATED', 'MEMBER_ADDED'] }] as const) {
    const versions = (await log(filter)).map(({ version }) => version)
    expect(versions.length).toBeGreaterThan(6)
    const paged: number[] = []
    for (let after: string | null = null, more = true; more; ) {
      const page: AuditLogQuery = dataOf(await server.graphql(AuditLogDocument, { filter: filter as never, first: 3, after }, as('ownA')))
      paged.push(...(page.auditLog?.edges.map(({ node }) => node.version) ?? []))
      expect(page.auditLog?.totalCount).toBe(versions.length)
      after = page.auditLog?.pageInfo.endCursor ?? null
      more = page.auditLog?.pageInfo.hasNextPage ?? false
    }
    expect(paged).toEqual(versions)
  }
})

for (const [transport, subscribe] of Object.entries(transports)) {
  // Where rows are deleted the gap itself tells; where they stay only the floor does.
  describe(`over ${transport}`, () => {
    test.each([
      ['AUDIT_RETENTION_DAYS', 1],
      ['EVENT_RETENTION_DAYS', 0],
    ])('with %s the live log goes on from a version that is all there, and says RESYNC below the floor and above the present', async (setting, areDeleted) => {
      const short = await startServer({ [setting]: '30' })
      // The database goes by its own clock: what the server is to delete must have been written that long ago.
      short.time.now = new Date(short.time.now.getTime() - 31 * 86_400_000)
      const { members } = await createCompany(short)
      const stored = () => short.sql<{ version: bigint }>('SELECT version FROM event WHERE organization_id = $1 ORDER BY version', members.ownA.organizationId)
      const follow = async (after: number) =>
        subscribe<EventsSubscription>(short, EventsDocument.toString(), { after }, `Bearer ${await short.token('ownA', 'a')}`)
      const codeAfter = async (after: number) => {
        const stream = await follow(after)
        const answer = await stream.next()
        await stream.end()
        return answer?.errors?.[0]?.extensions ?? answer?.data?.events.version
      }
      const resync = { code: 'RESYNC', field: 'after' }
      await short.app.tidy()
      const old = (await stored()).map(({ version }) => Number(version))
      expect(old.length).toBeGreaterThan(3)
      expect(await codeAfter(0)).toBe(1)
      short.time.now = new Date(short.time.now.getTime() + 31 * 86_400_000)
      await createApp(short.app.ports, members.ownA, { slug: 'recent', name: 'Recent' })
      await short.app.tidy()
      const current = Math.max(...old) + 1
      expect((await stored()).map(({ version }) => Number(version))).toEqual(areDeleted ? [current] : [...old, current])
      expect(await codeAfter(current - 1)).toBe(current)
      for (const after of [0, 1, current - 2, current + 1, current + 1_000_000]) expect([after, await codeAfter(after)]).toEqual([after, resync])
      // At the present nothing is missed and nothing repeated.
      const live = await follow(current)
      await vi.waitFor(() => expect(short.app.ports.hub.size).toBe(1), 20_000)
      await createApp(short.app.ports, members.ownA, { slug: 'next', name: 'Next' })
      expect((await live.next())?.data?.events).toMatchObject({ version: current + 1, kind: 'APP_CREATED', subjectName: 'Next' })
      await live.end()
      await short.close()
    })
  })
}
