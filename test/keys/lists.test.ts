import { afterAll, beforeAll, expect, test } from 'vitest'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { type ApiKeyFilter, type ApiKeyOrder, ApiKeysDocument, AppKeysDocument, InstanceKeysDocument } from '../generated/operations.ts'
import { as, type Company, createCompany, type Person } from '../support/company.ts'
import { codesOf, dataOf, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let company: Company
const minute = 60_000
const names = ['delta', 'alpha', 'échelle', 'bravo', 'bravo', 'Zulu', '50%_off', 'charlie', 'echo']

beforeAll(async () => {
  server = await startServer()
  company = await createCompany(server)
  const start = server.time.now.getTime()
  for (const [index, name] of names.entries()) {
    // Two at a time share a moment, so that the order falls back on the id.
    server.time.now = new Date(start + Math.floor(index / 2) * minute)
    const { id } = await company.createKey(index % 2 === 0 ? 'auraA' : 'ownA', index < 6 ? company.I1 : company.I2, name, 10 + ((index * 7) % 5))
    if (index % 3 === 0) await server.app.ports.keys.recordUses([{ keyId: id, usedAt: new Date(start + index * minute) }])
  }
  await company.createKey('ownB', company.J1, 'foreign')
})
afterAll(() => server.close())

const list = async (
  person: Person,
  variables: { filter?: ApiKeyFilter; orderBy?: ApiKeyOrder; first?: number; after?: string | null; last?: number; before?: string | null },
) => dataOf(await server.graphql(ApiKeysDocument, variables, as(person))).apiKeys
const namesOf = (page: { edges: { node: { name: string } }[] }) => page.edges.map(({ node }) => node.name)

const orders: ApiKeyOrder[] = ['CREATED_AT_DESC', 'CREATED_AT_ASC', 'NAME_ASC', 'EXPIRES_AT_ASC', 'LAST_USED_AT_DESC']

for (const orderBy of orders) {
  test(`${orderBy}: pages forwards and backwards hold every key once, in one order`, async () => {
    const whole = (await list('ownA', { orderBy, first: 100 })).edges.map(({ node }) => node.id)
    expect(whole).toHaveLength(names.length)
    const forwards: string[] = []
    for (let after: string | null = null; ; ) {
      const page = await list('ownA', { orderBy, first: 2, after })
      forwards.push(...page.edges.map(({ node }) => node.id))
      if (!page.pageInfo.hasNextPage) break
      after = page.pageInfo.endCursor ?? null
    }
    expect(forwards).toEqual(whole)
    const backwards: string[] = []
    for (let before: string | null = null; ; ) {
      const page = await list('ownA', { orderBy, last: 2, before })
      backwards.unshift(...page.edges.map(({ node }) => node.id))
      if (!page.pageInfo.hasPreviousPage) break
      before = page.pageInfo.startCursor ?? null
    }
    expect(backwards).toEqual(whole)
  })
}

test('each order is the one that it says', async () => {
  const sorted = async <Value>(orderBy: ApiKeyOrder, of: (node: { name: string; createdAt: string; expiresAt: string; lastUsedAt?: string | null }) => Value) =>
    (await list('ownA', { orderBy, first: 100 })).edges.map(({ node }) => of(node))
  const created = await sorted('CREATED_AT_ASC', (node) => node.createdAt)
  expect(created).toEqual([...created].sort())
  expect(await sorted('CREATED_AT_DESC', (node) => node.createdAt)).toEqual([...created].reverse())
  expect(await sorted('NAME_ASC', (node) => node.name)).toEqual([...names].sort())
  const ends = await sorted('EXPIRES_AT_ASC', (node) => node.expiresAt)
  expect(ends).toEqual([...ends].sort())
  const used = await sorted('LAST_USED_AT_DESC', (node) => node.lastUsedAt ?? '')
  expect(used.slice(0, 3)).toEqual([...used.slice(0, 3)].sort().reverse())
  expect(used.slice(3)).toEqual(Array(6).fill(''))
})

test('filters name what they promise', async () => {
  expect(namesOf(await list('ownA', { filter: { search: 'BRAV' } }))).toEqual(['bravo', 'bravo'])
  expect(namesOf(await list('ownA', { filter: { search: '%_o' } }))).toEqual(['50%_off'])
  expect(namesOf(await list('ownA', { filter: { search: '\\' } }))).toEqual([])
  expect(namesOf(await list('ownA', { filter: { search: 'e\u0301ch' } }))).toEqual(['échelle'])
  expect((await list('ownA', { filter: { instanceId: company.I2 } })).totalCount).toBe(3)
  expect((await list('ownA', { filter: { appId: company.appId } })).totalCount).toBe(names.length)
  expect((await list('ownA', { filter: { createdById: company.members.auraA.memberId } })).totalCount).toBe(5)
  expect((await list('ownA', { filter: { status: [] } })).totalCount).toBe(0)
  // Ids of another kind or of another organization match nothing, although there are counters for them.
  for (const id of [company.members.ownA.organizationId, company.members.ownB.organizationId, company.J1, company.otherAppId, company.appId]) {
    expect((await list('ownA', { filter: { instanceId: id } })).totalCount).toBe(0)
  }
  expect((await list('ownA', { filter: { appId: company.otherAppId } })).totalCount).toBe(0)
  expect((await list('ownA', { filter: { appId: company.I2 } })).totalCount).toBe(0)
  expect((await list('ownA', { filter: { appId: company.appId, instanceId: company.I2 } })).totalCount).toBe(3)
  expect((await list('ownA', { filter: { status: ['ACTIVE', 'ACTIVE'] } })).totalCount).toBe(
    (await list('ownA', { filter: { status: ['ACTIVE'] } })).totalCount,
  )
  expect((await list('ownA', { filter: { status: ['ACTIVE', 'REVOKED'] } })).totalCount).toBe(names.length)
  const before = new Date(server.time.now.getTime() + 11.5 * 24 * 60 * minute).toISOString()
  const early = await list('ownA', { filter: { expiresBefore: before } })
  expect(early.edges.every(({ node }) => node.expiresAt < before)).toBe(true)
  expect(early.totalCount).toBeGreaterThan(1)
  expect((await list('ownA', { filter: { unusedSince: server.time.now.toISOString() } })).totalCount).toBe(names.length - 1)
  const hint = (await list('ownA', { first: 1 })).edges[0]?.node.hint ?? ''
  expect((await list('ownA', { filter: { search: hint.slice(-4) } })).totalCount).toBeGreaterThan(0)
})

test('lists below an app and an instance hold the same as the filtered list', async () => {
  const ofApp = dataOf(await server.graphql(AppKeysDocument, { slug: 'functions', orderBy: 'NAME_ASC', first: 4 }, as('ownA'))).app?.apiKeys
  expect(ofApp?.edges.map(({ node }) => node.name)).toEqual([...names].sort().slice(0, 4))
  expect(ofApp).toMatchObject({ totalCount: names.length, totalCountIsExact: true, pageInfo: { hasNextPage: true } })
  const next = dataOf(
    await server.graphql(AppKeysDocument, { slug: 'functions', orderBy: 'NAME_ASC', first: 4, after: ofApp?.pageInfo.endCursor ?? null }, as('ownA')),
  )
  expect(next.app?.apiKeys.edges.map(({ node }) => node.name)).toEqual([...names].sort().slice(4, 8))
  const ofInstance = dataOf(await server.graphql(InstanceKeysDocument, { id: company.I2, filter: { search: 'charlie' } }, as('ownA'))).instance?.apiKeys
  expect(ofInstance).toMatchObject({ totalCount: 1, edges: [{ node: { name: 'charlie' } }] })
})

test('TN-06 a cursor of another organization, of another order, or with one character changed is refused', async () => {
  const cursor = (await list('ownA', { first: 1 })).pageInfo.endCursor as string
  const flipped = `${cursor.slice(0, 5)}${cursor[5] === 'A' ? 'B' : 'A'}${cursor.slice(6)}`
  for (const [person, variables] of [
    ['ownB', { after: cursor }],
    ['ownA', { after: cursor, orderBy: 'NAME_ASC' }],
    ['ownA', { after: flipped }],
    ['ownA', { after: 'x' }],
    ['ownA', { before: `${cursor}=` }],
  ] as const) {
    const answer = await server.graphql(ApiKeysDocument, variables, as(person))
    expect(codesOf(answer)).toEqual(['BAD_USER_INPUT'])
    expect(answer.errors?.[0]?.extensions.field).toBe('before' in variables ? 'before' : 'after')
    expect(answer.data ?? null).toBeNull()
  }
})

test('a page has at most 100 rows', async () => {
  for (const variables of [{ first: 101 }, { last: 101 }, { first: -1 }, { first: 1, last: 1 }]) {
    expect(codesOf(await server.graphql(ApiKeysDocument, variables, as('ownA')))).toEqual(['BAD_USER_INPUT'])
  }
})

test('DS-17 pages read while keys are created and revoked are complete and hold no key twice', async () => {
  const { ports } = server.app
  const before = (await list('ownA', { first: 100, orderBy: 'CREATED_AT_ASC' })).edges.map(({ node }) => node.id)
  const seen: string[] = []
  for (let after: string | null = null; ; ) {
    const page = await list('ownA', { first: 2, after, orderBy: 'CREATED_AT_ASC' })
    seen.push(...page.edges.map(({ node }) => node.id))
    server.time.now = new Date(server.time.now.getTime() + minute)
    await company.createKey('ownA', company.I1, 'meanwhile')
    await revokeApiKeys(ports, company.members.ownA, { ids: [seen.at(-1) as string], acknowledged: true })
    if (!page.pageInfo.hasNextPage || seen.length > 60) break
    after = page.pageInfo.endCursor ?? null
  }
  expect(new Set(seen).size).toBe(seen.length)
  expect(seen.slice(0, before.length)).toEqual(before)
})
