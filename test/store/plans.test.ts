import { afterAll, beforeAll, expect, test } from 'vitest'
import { seedLarge } from '../../src/cli/seed.ts'
import * as documents from '../generated/operations.ts'
import { dataOf, requestStatements, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let ids: Record<'instance' | 'app' | 'key' | 'member', string>

beforeAll(async () => {
  server = await startServer()
  await seedLarge(server.app.database.client, { keys: 30_000, instances: 600, organizations: 3 })
  const zero = '0'.repeat(26)
  ids = { instance: `ins_${zero}`, app: `app_${zero}`, key: `key_${zero}`, member: `mem_${zero}` }
}, 120_000)
afterAll(() => server.close())

interface Plan {
  'Node Type': string
  'Relation Name'?: string
  Plans?: Plan[]
}

/** Tables that grow with keys; the others are small. */
const large = ['api_key', 'key_use', 'key_digest', 'event', 'secret', 'key_count']

const below = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(below)]

/** Large tables that a plan reads from end to end, or sorts whole. */
const scans = (plan: Plan): string[] =>
  below(plan).flatMap((node) => {
    const name = node['Relation Name'] ?? ''
    if (node['Node Type'] === 'Seq Scan' && large.includes(name)) return [name]
    const sorted =
      node['Node Type'] === 'Sort' ? below(node).find((inner) => inner['Relation Name'] === 'api_key' || inner['Relation Name'] === 'event') : undefined
    return sorted ? [`sort of ${sorted['Relation Name']}`] : []
  })

/** What the plan of a statement with placeholders reads from end to end, whatever values stand in for them. */
async function scanned(sql: string): Promise<string[]> {
  const parameters = Math.max(0, ...[...sql.matchAll(/\$(\d+)/g)].map((match) => Number(match[1])))
  const rows = await server.app.database.client.$transaction(async (session) => {
    await session.$executeRawUnsafe('SET LOCAL plan_cache_mode = force_generic_plan')
    // On a copy this small reading everything would often be cheapest: so only what has no index at all is read so.
    await session.$executeRawUnsafe('SET LOCAL enable_seqscan = off')
    await session.$executeRawUnsafe(`PREPARE explained AS ${sql}`)
    const values = parameters === 0 ? '' : `(${Array(parameters).fill('NULL').join(', ')})`
    const plan = await session.$queryRawUnsafe<{ 'QUERY PLAN': { Plan: Plan }[] | string }[]>(`EXPLAIN (FORMAT JSON) EXECUTE explained${values}`)
    await session.$executeRawUnsafe('DEALLOCATE explained')
    return plan
  })
  const plan = rows[0]?.['QUERY PLAN']
  const [explained] = typeof plan === 'string' ? (JSON.parse(plan) as { Plan: Plan }[]) : (plan ?? [])
  if (!explained) throw new Error('no plan')
  return scans(explained.Plan)
}

test('a plan that reads a large table from end to end is noticed', async () => {
  expect(await scanned('SELECT count(*) FROM api_key WHERE hint = $1')).toEqual(['api_key'])
  expect(await scanned('SELECT 1 FROM api_key WHERE id = $1')).toEqual([])
  expect(await scanned('SELECT id FROM api_key WHERE organization_id = $1 ORDER BY hint LIMIT 20')).toEqual(['sort of api_key'])
})

const cases: [name: keyof typeof documents, variables: () => object][] = [
  ['ViewerDocument', () => ({})],
  ['AppsDocument', () => ({})],
  ['AppsWithInstancesDocument', () => ({ first: 10 })],
  ['AppDocument', () => ({ slug: 'app-0' })],
  ['AppKeysDocument', () => ({ slug: 'app-0' })],
  ['InstanceDocument', () => ({ id: ids.instance })],
  ['InstanceKeysDocument', () => ({ id: ids.instance })],
  ['InstanceAccessDocument', () => ({ id: ids.instance })],
  ['ApiKeysDocument', () => ({})],
  ['ApiKeysDocument', () => ({ orderBy: 'CREATED_AT_ASC' })],
  ['ApiKeysDocument', () => ({ orderBy: 'NAME_ASC' })],
  ['ApiKeysDocument', () => ({ orderBy: 'EXPIRES_AT_ASC' })],
  ['ApiKeysDocument', () => ({ filter: { status: ['ORPHANED'] } })],
  ['ApiKeysDocument', () => ({ filter: { instanceId: ids.instance, status: ['ACTIVE'] } })],
  ['ApiKeysDocument', () => ({ filter: { createdById: ids.member } })],
  ['ApiKeyDocument', () => ({ id: ids.key })],
  ['NodeDocument', () => ({ id: ids.key })],
  ['NodesDocument', () => ({ ids: [ids.key, ids.instance, ids.app] })],
  ['MembersDocument', () => ({})],
  ['SecretsDocument', () => ({})],
  ['AuditLogDocument', () => ({})],
  ['AuditLogDocument', () => ({ filter: { apiKeyId: ids.key } })],
  ['AuditLogDocument', () => ({ filter: { actorId: ids.member } })],
  ['AuditLogDocument', () => ({ filter: { kinds: ['API_KEY_REVOKED'] } })],
]
for (const subject of ['member-0', 'member-7'] as const) {
  for (const [name, variables] of cases) {
    test(`${name} ${String(variables).replace(/^\(\) => /, '')} as ${subject} reads no large table from end to end`, async () => {
      server.statements.length = 0
      // biome-ignore lint/performance/noDynamicNamespaceImportAccess: a table of names
      const document = documents[name] as typeof documents.ApiKeysDocument
      const answer = await server.graphql(document, variables() as never, { subject, organization: 'seed-1' })
      // The audit log and the members are not for everybody; what is refused reads nothing.
      if (!answer.errors?.every((error) => error.extensions.code === 'FORBIDDEN')) dataOf(answer)
      const read = requestStatements(server).filter((sql) => /^\s*(SELECT|WITH)/.test(sql))
      expect(read.length).toBeGreaterThan(0)
      for (const sql of [...read]) {
        const found = await scanned(sql)
        // A plain member's keys, and the events of one key or one actor, are few: to sort these is no matter.
        const few = subject !== 'member-0' || /apiKeyId|actorId/.test(String(variables))
        expect([sql, few ? found.filter((each) => !each.startsWith('sort')) : found]).toEqual([sql, []])
      }
    })
  }
}
