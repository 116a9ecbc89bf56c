import { getIntrospectionQuery } from 'graphql'
import { beforeAll, describe, expect, test } from 'vitest'
import * as operations from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { codesOf, type GraphQLAnswer } from '../support/server.ts'
import { overEvents, overWebSocket } from '../support/subscribe.ts'

const { server, company } = await companyOfFile({ WS_MAX_MESSAGES_PER_MINUTE: '100000', WS_MAX_SOCKETS_PER_MEMBER: '1000' })

beforeAll(async () => {
  await company.createKey('ownA', company.I1)
})

type Send = (query: string, variables?: object) => Promise<GraphQLAnswer<unknown>>

const over =
  (open: typeof overWebSocket): Send =>
  async (query, variables = {}) => {
    const stream = open(server, query, variables, `Bearer ${await server.token('ownA', 'a')}`)
    const answer = await stream.next()
    await stream.end()
    return answer ?? {}
  }
const overHTTP: Send = async (query, variables = {}) => (await (await server.post({ query, variables }, as('ownA'))).json()) as GraphQLAnswer<unknown>
const transports = {
  HTTP: overHTTP,
  WebSocket: over(overWebSocket),
  SSE: over(overEvents),
}

/** Keys within the instances of keys. */
const nested = (sizes: readonly string[]): string =>
  sizes.reduceRight(
    (inner, size, level) => `${level === 0 ? '' : 'instance { '}apiKeys(${size}) { edges { node { ${inner} } } }${level === 0 ? '' : ' }'}`,
    'id',
  )
const aliased = (count: number, field: string): string => Array.from({ length: count }, (_, index) => `a${index}: ${field}`).join(' ')

for (const [transport, send] of Object.entries(transports)) {
  describe(`over ${transport}`, () => {
    const codes = async (query: string, variables?: object): Promise<string[]> => codesOf(await send(query, variables))

    test('pages within pages within pages are refused before anything is read, with the number, the limit and what to do', async () => {
      server.statements.length = 0
      const answer = await send(`{ ${nested(['first: 100', 'first: 100', 'first: 100'])} }`)
      expect(answer.data ?? null).toBeNull()
      expect(answer.errors).toMatchObject([{ extensions: { code: 'QUERY_REJECTED' } }])
      // A hundred keys, their instances, a hundred keys of each, …
      expect(answer.errors?.[0]?.message).toMatch(/1,020,200 rows; at most 4,500 .* smaller pages/)
      expect(server.statements.filter((sql) => /\bapi_key\b/.test(sql))).toEqual([])
    })

    test('a hundred times twenty is allowed, a hundred times a hundred is not, wherever the sizes come from', async () => {
      expect(await codes(`{ ${nested(['first: 100', 'first: 20'])} }`)).toEqual([])
      expect(await codes(`{ ${nested(['first: 100', 'orderBy: CREATED_AT_ASC'])} }`)).toEqual([])
      expect(await codes(`{ ${nested(['first: 100', 'first: 100'])} }`)).toEqual(['QUERY_REJECTED'])
      expect(await codes(`{ ${nested(['last: 100', 'last: 100'])} }`)).toEqual(['QUERY_REJECTED'])
      const query = `query ($a: Int = 100, $constructor: Int) { ${nested(['first: $a', 'last: $constructor'])} }`
      expect(await codes(query)).toEqual([])
      expect(await codes(query, { constructor: 100 })).toEqual(['QUERY_REJECTED'])
      expect(await codes(query, { a: null, constructor: 100 })).toEqual([])
      expect(await codes(query, { a: 0, constructor: 100 })).toEqual([])
    })

    test('a list in rows that no index serves counts a thousand rows for each of them', async () => {
      for (const list of [
        'orderBy: NAME_ASC',
        'orderBy: LAST_USED_AT_DESC',
        'orderBy: EXPIRES_AT_ASC',
        'filter: { search: "x" }',
        'filter: { status: [ORPHANED] }',
        'filter: { unusedSince: "2026-01-01T00:00:00Z" }',
      ]) {
        expect(await codes(`{ ${nested(['first: 4', `first: 1, ${list}`])} }`), list).toEqual([])
        expect(await codes(`{ ${nested(['first: 5', `first: 1, ${list}`])} }`), list).toEqual(['QUERY_REJECTED'])
      }
      expect(await codes(`{ ${nested(['first: 100', 'first: 1, filter: { search: null, status: null }'])} }`)).toEqual([])
      const search = `query ($filter: ApiKeyFilter) { ${nested(['first: 100', 'first: 1, filter: $filter'])} }`
      expect(await codes(search, { filter: null })).toEqual([])
      expect(await codes(search, { filter: { search: 'x' } })).toEqual(['QUERY_REJECTED'])
      const rows = 'apiKeys(first: 100) { edges { node { instance'
      expect(await codes(`{ ${rows} { access(first: 1) { totalCount } } } } } }`)).toEqual(['QUERY_REJECTED'])
      expect(await codes(`{ ${rows} { app { instances(first: 1, filter: { search: "x" }) { totalCount } } } } } } }`)).toEqual(['QUERY_REJECTED'])
      expect(await codes(`{ ${aliased(6, 'auditLog(first: 1, filter: { kinds: [APP_CREATED] }) { edges { node { id } } }')} }`)).toEqual(['QUERY_REJECTED'])
    })

    test('fragments and directives hide nothing', async () => {
      const inner = '{ edges { node { instance { apiKeys(first: 100) { totalCount } } } } }'
      for (const query of [
        `{ ...F } fragment F on Query { apiKeys(first: 100) { ...G } } fragment G on ApiKeyConnection ${inner}`,
        `{ ... { apiKeys(first: 100) { ... on ApiKeyConnection ${inner} } } }`,
        `{ apiKeys(first: 100) @skip(if: true) ${inner} }`,
      ])
        expect(await codes(query)).toEqual(['QUERY_REJECTED'])
      expect(await codes(`query A { viewer { __typename } } query B { apiKeys(first: 100) ${inner} }`)).not.toContain('INTERNAL')
    })

    test('aliases add up', async () => {
      const ids = Array.from({ length: 100 }, () => company.I1)
      const pages = aliased(20, 'nodes(ids: $ids) { ... on AppInstance { apiKeys(first: 3) { totalCount } } }')
      expect(await codes(`query ($ids: [ID!]!) { ${pages} }`, { ids })).toEqual(['QUERY_REJECTED'])
      expect(await codes(`query ($ids: [ID!]!) { ${pages} }`, { ids: ids.slice(0, 2) })).toEqual([])
      expect(await codes(`{ apps { instances(first: 2) { edges { node { ${aliased(25, 'name')} } } } } }`)).toEqual(['QUERY_REJECTED'])
    })
  })
}

test('lists that nobody sizes count as many as there can be', async () => {
  const ask = async (query: string) => codesOf(await overHTTP(query))
  for (const list of ['apps { instances', 'viewer { organizations { keyCounts { total } } } apps { instances']) {
    expect(await ask(`{ ${list}(first: 20) { edges { node { id } } } } }`), list).toEqual([])
    expect(await ask(`{ ${list}(first: 25) { edges { node { id } } } } }`), list).toEqual(['QUERY_REJECTED'])
  }
  expect(await ask(getIntrospectionQuery())).toEqual([])
  expect(await ask('{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }')).toEqual(['QUERY_REJECTED'])
})

test('lists of what the client names count what it names', async () => {
  const nodes = 'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on AppInstance { apiKeys(first: 100) { totalCount } } } }'
  const ask = async (count: number) => codesOf(await overHTTP(nodes, { ids: Array.from({ length: count }, () => company.I1) }))
  expect(await ask(44)).toEqual([])
  expect(await ask(100)).toEqual(['QUERY_REJECTED'])
  const literal = (count: number): string => `{ nodes(ids: [${'"ins_x", '.repeat(count)}]) { ... on AppInstance { apiKeys(first: 100) { totalCount } } } }`
  expect(codesOf(await overHTTP(literal(44)))).toEqual([])
  expect(codesOf(await overHTTP(literal(100)))).toEqual(['QUERY_REJECTED'])
})

for (const transport of ['WebSocket', 'SSE'] as const) {
  test(`a feed counts a hundred events, a subscription of counts its subjects, over ${transport}`, async () => {
    const feed = (first: number): string => `subscription { apiKeyChanged { apiKey { instance { apiKeys(first: ${first}) { totalCount } } } } }`
    expect(codesOf(await transports[transport](feed(100)))).toEqual(['QUERY_REJECTED'])
    const counts = 'subscription ($ids: [ID!]) { keyCountsOf(instanceIds: $ids) { instance { apiKeys(first: 100) { totalCount } } } }'
    expect(codesOf(await transports[transport](counts, { ids: Array.from({ length: 100 }, () => company.I1) }))).toEqual(['QUERY_REJECTED'])
    expect(codesOf(await transports[transport](counts, { ids: [company.I1] }))).toEqual([])
  })
}

test('every query of the operation documents is allowed with pages of a hundred', async () => {
  const variables = { first: 100, ids: Array.from({ length: 100 }, () => company.I1), id: company.I1, slug: 'functions', app: 'functions', name: 'I1' }
  const queries = Object.entries(operations).filter(([, document]) => /^\s*query/.test(String(document)))
  expect(queries.length).toBeGreaterThan(12)
  for (const [name, document] of queries) {
    // With a hundred instances of each of two hundred apps this one alone is too large.
    const first = name === 'AppsWithInstancesDocument' ? 20 : 100
    expect(codesOf(await overHTTP(String(document), { ...variables, first })), name).toEqual([])
  }
})
