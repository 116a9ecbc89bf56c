import { beforeAll, expect, test, vi } from 'vitest'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { verificationStore } from '../../src/verification/store.ts'
import * as documents from '../generated/operations.ts'
import { serverOfFile } from '../support/file-server.ts'
import { planOf } from '../support/plan.ts'
import { scanned } from '../support/plans.ts'
import { seededOwner, seedWide } from '../support/seed-wide.ts'
import { dataOf, requestStatements } from '../support/server.ts'
import { overEvents } from '../support/subscribe.ts'

const server = await serverOfFile()
let made: { saveToken: string; secretId: string }

beforeAll(async () => {
  await seedWide(server, { keys: 30_000, organizations: 3 })
  const input = { instanceId: ids.instance, name: 'made', expiresInDays: 1 }
  const { saveToken } = await createApiKey(server.app.ports, seededOwner, input)
  const { secretId } = await createApiKey(server.app.ports, seededOwner, { ...input, saveAsSecret: { name: 'made' } })
  made = { saveToken: saveToken ?? '', secretId: secretId ?? '' }
})

const typed = (prefix: string, n = 0): string => `${prefix}_${String(n).padStart(26, '0')}`
const ids = { instance: typed('ins'), app: typed('app'), key: typed('key'), member: typed('mem') }

test('a plan that reads a large table from end to end is noticed', async () => {
  expect(await scanned(server, 'SELECT count(*) FROM api_key WHERE hint = $1')).toEqual(['api_key'])
  expect(await scanned(server, 'SELECT 1 FROM api_key WHERE id = $1')).toEqual([])
  expect(await scanned(server, 'SELECT id FROM api_key WHERE organization_id = $1 ORDER BY hint LIMIT 20')).toEqual(['sort of api_key'])
  for (const [table, column] of [
    ['app_instance', 'status'],
    ['instance_access', 'role'],
    ['member', 'email'],
    ['event', 'subject_name'],
    ['secret', 'version'],
  ] as const) {
    expect(await scanned(server, `SELECT count(*) FROM ${table} WHERE ${column}::text = $1`)).toEqual([table])
    const [{ rows } = { rows: 0 }] = await server.sql<{ rows: number }>(`SELECT count(*)::int AS rows FROM ${table}`)
    expect(rows, table).toBeGreaterThan(4_000)
  }
})

const moment = '2099-01-01T00:00:00Z'
const reads: [name: string, variables: () => object][] = [
  ['Viewer', () => ({})],
  ['Apps', () => ({})],
  ['AppsWithInstances', () => ({ first: 10 })],
  ['App', () => ({ slug: 'app-0' })],
  ['App', () => ({ slug: 'app-0', filter: { status: ['DELETED'], search: 'more' } })],
  ['AppKeys', () => ({ slug: 'app-0' })],
  ['AppKeys', () => ({ slug: 'app-0', orderBy: 'CREATED_AT_ASC', filter: { status: ['ACTIVE'] } })],
  ['FindInstance', () => ({ app: 'app-0', name: 'instance-3' })],
  ['Instance', () => ({ id: ids.instance })],
  ['InstanceKeys', () => ({ id: ids.instance })],
  ['InstanceAccess', () => ({ id: ids.instance })],
  ['ApiKeys', () => ({})],
  ['ApiKeys', () => ({ orderBy: 'CREATED_AT_ASC' })],
  ['ApiKeys', () => ({ orderBy: 'NAME_ASC' })],
  ['ApiKeys', () => ({ orderBy: 'EXPIRES_AT_ASC' })],
  ['ApiKeys', () => ({ orderBy: 'LAST_USED_AT_DESC' })],
  ['ApiKeys', () => ({ orderBy: 'LAST_USED_AT_DESC', filter: { status: ['ACTIVE'] } })],
  ['ApiKeys', () => ({ orderBy: 'LAST_USED_AT_DESC', filter: { instanceId: ids.instance } })],
  ['ApiKeys', () => ({ last: 10 })],
  ['ApiKeys', () => ({ filter: { status: ['ORPHANED'] } })],
  ['ApiKeys', () => ({ filter: { instanceId: ids.instance, status: ['ACTIVE'] } })],
  ['ApiKeys', () => ({ filter: { createdById: ids.member } })],
  ['ApiKeys', () => ({ filter: { search: 'key-1' } })],
  ['ApiKeys', () => ({ filter: { expiresBefore: moment } })],
  ['ApiKeys', () => ({ filter: { unusedSince: moment } })],
  ['ApiKeys', () => ({ filter: { expiresBefore: moment }, orderBy: 'EXPIRES_AT_ASC' })],
  ['ApiKey', () => ({ id: ids.key })],
  ['Node', () => ({ id: ids.key })],
  ['Nodes', () => ({ ids: [ids.key, ids.instance, ids.app] })],
  ['Members', () => ({})],
  ['Members', () => ({ filter: { search: 'more', includeRemoved: true } })],
  ['Members', () => ({ filter: { subject: 'more-1' } })],
  ['Secrets', () => ({})],
  ['AuditLog', () => ({})],
  ['AuditLog', () => ({ filter: { apiKeyId: ids.key } })],
  ['AuditLog', () => ({ filter: { actorId: ids.member } })],
  ['AuditLog', () => ({ filter: { instanceId: ids.instance } })],
  ['AuditLog', () => ({ filter: { kinds: ['API_KEY_REVOKED'] } })],
  ['AuditLog', () => ({ filter: { since: '2020-01-01T00:00:00Z', until: moment } })],
]

/** In an order in which each finds what it needs; what they write is looked at too. */
const writes: [name: string, variables: () => object][] = [
  ['CreateApp', () => ({ input: { slug: 'more', name: 'More' } })],
  ['CreateAppInstance', () => ({ input: { appId: ids.app, name: 'More' } })],
  ['SetInstanceAccess', () => ({ input: { instanceId: ids.instance, memberId: typed('mem', 9), role: 'USER' } })],
  ['CreateApiKey', () => ({ input: { instanceId: ids.instance, name: 'x', expiresInDays: 1, idempotencyKey: 'x' } })],
  ['RevokeApiKey', () => ({ input: { id: typed('key', 3), acknowledged: true } })],
  ['RevokeApiKeys', () => ({ input: { ids: [typed('key', 6), typed('key', 9)], acknowledged: true } })],
  ['SaveApiKeyAsSecret', () => ({ input: { saveToken: made.saveToken, name: 'later' } })],
  ['RevealSecret', () => ({ input: { id: made.secretId } })],
  ['DeleteSecret', () => ({ input: { id: made.secretId } })],
  ['AddMember', () => ({ input: { subject: 'new', name: 'New', role: 'MEMBER' } })],
  ['SetMemberRole', () => ({ input: { id: typed('mem', 12), role: 'AURA_OWNER' } })],
  ['RemoveMember', () => ({ input: { id: typed('mem', 15), acknowledged: true } })],
  ['DeleteAppInstance', () => ({ input: { id: typed('ins', 3), acknowledged: true } })],
]

const subscriptions: [name: string, variables: () => object][] = [
  ['KeyCounts', () => ({})],
  ['KeyCounts', () => ({ appId: ids.app })],
  ['KeyCounts', () => ({ instanceId: ids.instance })],
  ['KeyCountsOf', () => ({ appIds: [ids.app], instanceIds: [ids.instance, typed('ins', 6)] })],
  ['ApiKeyChanged', () => ({ after: 9_900 })],
  ['ApiKeyChanged', () => ({ after: 9_900, appId: ids.app })],
  ['ApiKeyChanged', () => ({ after: 9_900, instanceId: ids.instance })],
  ['Events', () => ({ after: 9_900 })],
]

test('every operation document has a case', () => {
  const names = Object.keys(documents).flatMap((name) => /^(\w+)Document$/.exec(name)?.[1] ?? [])
  const cased = new Set([...reads, ...writes, ...subscriptions].map(([name]) => name))
  expect(names.length).toBeGreaterThan(30)
  expect([...cased].sort()).toEqual(names.sort())
})

const document = (name: string): typeof documents.ApiKeysDocument =>
  (documents as unknown as Record<string, typeof documents.ApiKeysDocument>)[`${name}Document`] as typeof documents.ApiKeysDocument
const described = (variables: () => object): string => String(variables).replace(/^\(\) => /, '')

async function expectIndexes(few: boolean, least = 1): Promise<void> {
  const sent = [...new Set(requestStatements(server))]
  expect(sent.length).toBeGreaterThanOrEqual(least)
  for (const sql of sent) {
    const found = await scanned(server, sql)
    // What is new since a node looked last is a few events, gathered without repetitions.
    const sorts = few || sql.includes('jsonb_agg(DISTINCT')
    expect([sql, sorts ? found.filter((each) => !each.startsWith('sort')) : found]).toEqual([sql, []])
  }
}

for (const subject of ['member-0', 'member-7'] as const) {
  for (const [name, variables] of reads) {
    test(`${name} ${described(variables)} as ${subject} reads no large table from end to end`, async () => {
      server.statements.length = 0
      const answer = await server.graphql(document(name), variables() as never, { subject, organization: 'seed-1' })
      // The audit log and the members are not for everybody; what is refused reads nothing.
      if (!answer.errors?.every((error) => error.extensions.code === 'FORBIDDEN')) dataOf(answer)
      // A plain member's keys, those that a search finds, the keys of one creator, the events of one key, one actor or one instance, are few: to sort these is no matter.
      await expectIndexes(subject !== 'member-0' || /apiKeyId|actorId|createdById|search|filter: \{ instanceId/.test(String(variables)))
    })
  }

  for (const [name, variables] of subscriptions) {
    test(`the subscription ${name} ${described(variables)} as ${subject} reads no large table from end to end`, async () => {
      server.statements.length = 0
      const stream = overEvents(server, document(name).toString(), variables(), `Bearer ${await server.token(subject, 'seed-1')}`)
      // A plain member may have missed nothing that they may see: then the reading is all that comes.
      const reading = (): Promise<null> =>
        vi
          .waitFor(() => expect(server.statements.join()).toMatch(/"?t0"?\."version" > /), { timeout: 20_000 })
          .then(
            () => null,
            () => null,
          )
      const answer = await (subject === 'member-0' ? stream.next() : Promise.race([stream.next(), reading()]))
      await stream.end()
      if (subject === 'member-0') expect(answer?.errors).toBeUndefined()
      // Who is refused may cost nothing: what a node needs to know of members it remembers.
      await expectIndexes(subject !== 'member-0', answer?.errors ? 0 : 1)
    })
  }
}

for (const [name, variables] of writes) {
  test(`${name} neither reads nor writes a large table from end to end`, async () => {
    server.statements.length = 0
    const answer = dataOf(await server.graphql(document(name), variables() as never, { subject: 'member-0', organization: 'seed-1' }))
    expect(Object.values(answer)).not.toContain(null)
    // To write the keys of one instance or member in order they are sorted.
    await expectIndexes(true)
  })
}

test('verification reads any number of keys by their primary keys, with one statement whose text is always the same', async () => {
  const store = verificationStore(server.app.database)
  server.statements.length = 0
  for (const count of [1, 2, 500]) await store.records(Array.from({ length: count }, (_, n) => typed('key', n)))
  await store.records([ids.key])
  const [sql = '', ...others] = requestStatements(server)
  expect(others).toEqual([sql, sql, sql])
  expect(await scanned(server, sql)).toEqual([])
  const plan = await planOf(server, sql)
  for (const table of ['api_key', 'key_digest', 'app_instance', 'member', 'organization']) expect(plan).toContain(`Index Scan using ${table}_pkey`)
})
