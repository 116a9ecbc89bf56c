import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { ApiKeysDocument, type ApiKeysQuery, InstanceKeysDocument } from '../generated/operations.ts'
import { as, type Company, createCompany } from '../support/company.ts'
import { recount } from '../support/recount.ts'
import { dataOf, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let company: Company
/** A thousand keys of one moment and few names, so that every order is decided by what comes last in it. */
let stable: string[] = []
let doomed: string[] = []

beforeAll(async () => {
  server = await startServer({ KEY_CREATIONS_PER_MINUTE: '100000' })
  company = await createCompany(server)
  stable = await insert(1_000, 5)
  doomed = await insert(300, 1)
}, 180_000)
afterAll(() => server.close())

/** So many keys, which expire after one of so many numbers of days. */
async function insert(count: number, lives: number): Promise<string[]> {
  const rows = await server.sql<{ id: string }>(
    `INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at)
     SELECT 'key_' || substr(md5(random()::text || n), 1, 26), i.organization_id, i.app_id, i.id, $2, 'name-' || n % 7, 'hint', $3, $3::timestamptz + (30 + n % $5::int) * interval '1 day'
     FROM app_instance i, generate_series(1, $4::int) n WHERE i.id = $1 RETURNING id`,
    company.I1,
    company.members.devA.memberId,
    server.time.now,
    count,
    lives,
  )
  return rows.map(({ id }) => id)
}

const create = (name: string, days: number) => createApiKey(server.app.ports, company.members.devA, { instanceId: company.I1, name, expiresInDays: days })

type Page = ApiKeysQuery['apiKeys']
/** Reads every page, and lets others create and revoke between two pages. */
async function everyPage(read: (after: string | null) => Promise<Page | undefined>): Promise<string[]> {
  const seen: string[] = []
  let pages = 0
  for (let after: string | null = null, more = true; more; pages++) {
    const page: Page | undefined = await read(after)
    seen.push(...(page?.edges.map(({ node }) => node.id) ?? []))
    after = page?.pageInfo.endCursor ?? null
    more = page?.pageInfo.hasNextPage ?? false
    const [ids, rest] = [doomed.slice(0, 2), doomed.slice(2)]
    doomed = rest
    await Promise.all([
      create(`name-${pages % 7}`, 30),
      ...(ids.length > 0 ? [revokeApiKeys(server.app.ports, company.members.ownA, { ids, acknowledged: true })] : []),
    ])
  }
  expect(pages).toBeGreaterThan(9)
  return seen
}

const filters = { 'every status': {}, 'active ones': { status: ['ACTIVE'] } } as const
for (const orderBy of ['CREATED_AT_DESC', 'CREATED_AT_ASC', 'NAME_ASC', 'EXPIRES_AT_ASC', 'LAST_USED_AT_DESC'] as const) {
  for (const [name, filter] of Object.entries(filters)) {
    test(`DS-17 ${orderBy}, ${name}: all keys come by pages, each once, while others are created and revoked`, async () => {
      const before = doomed.length
      const seen = await everyPage(
        async (after) => dataOf(await server.graphql(ApiKeysDocument, { orderBy, filter: filter as never, first: 100, after }, as('devA'))).apiKeys,
      )
      expect(new Set(seen).size).toBe(seen.length)
      const all = new Set(seen)
      expect(stable.filter((id) => !all.has(id))).toEqual([])
      expect(doomed.length).toBeLessThan(before)
    })
  }
}

test('DS-17 likewise those of one instance', async () => {
  const seen = await everyPage(
    async (after) => dataOf(await server.graphql(InstanceKeysDocument, { id: company.I1, first: 100, after }, as('dev2A'))).instance?.apiKeys,
  )
  expect(new Set(seen).size).toBe(seen.length)
  const all = new Set(seen)
  expect(stable.filter((id) => !all.has(id))).toEqual([])
  expect(await recount(server)).toEqual([])
})
