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
const stable: string[] = []
let doomed: string[] = []

beforeAll(async () => {
  server = await startServer({ KEY_CREATIONS_PER_MINUTE: '100000' })
  company = await createCompany(server)
  for (let made = 0; made < 1_000; made++) stable.push((await create(`name-${made % 7}`, 30 + (made % 5))).keyId)
  for (let made = 0; made < 300; made++) doomed.push((await create(`name-${made % 7}`, 30)).keyId)
}, 180_000)
afterAll(() => server.close())

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
