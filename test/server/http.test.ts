import { afterAll, beforeAll, expect, test } from 'vitest'
import { as, createCompany } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let production: TestServer
let bearer: string

beforeAll(async () => {
  server = await startServer()
  await createCompany(server)
  production = await startServer({ NODE_ENV: 'production' })
  bearer = `Bearer ${await server.token('ownA', 'a')}`
})
afterAll(async () => {
  await server.close()
  await production.close()
})

const codeOf = async (response: Response): Promise<[number, string | undefined]> => [
  response.status,
  ((await response.json()) as { errors?: { extensions: { code: string } }[] }).errors?.[0]?.extensions.code,
]
const query = { query: '{ apps { id } }' }

test('DS-12 only JSON is 200; anything else is 415, and what only says that it is JSON is 400', async () => {
  for (const type of [
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
    'text/plain',
    'application/graphql',
    'application/json; charset=utf-16',
  ]) {
    expect(await codeOf(await server.post(JSON.stringify(query), as('ownA'), { 'content-type': type }))).toEqual([415, 'QUERY_REJECTED'])
  }
  for (const body of ['', '{', 'null', '[]', '"x"', '{}', '{"query": 1}', '{"query": "{ apps { id } }", "variables": []}']) {
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      expect(await codeOf(await server.post(body, as('ownA'), { accept })), body).toEqual([400, 'QUERY_REJECTED'])
    }
  }
  // GraphQL over HTTP: a document that does not parse is 200 for clients that know only `application/json`.
  const documents = { query: '' }
  expect(await codeOf(await server.post(documents, as('ownA')))).toEqual([200, 'QUERY_REJECTED'])
  expect(await codeOf(await server.post(documents, as('ownA'), { accept: 'application/graphql-response+json' }))).toEqual([400, 'QUERY_REJECTED'])
})

test('DS-07 an array of operations is 400', async () => {
  expect(await codeOf(await server.post(Array(11).fill(query), as('ownA')))).toEqual([400, 'QUERY_REJECTED'])
})

test('HP-02 HP-04 a GET needs a header that no other page can add, and runs no mutation; other methods are 405', async () => {
  const get = async (search: string, headers: Record<string, string>): Promise<number> =>
    (await fetch(`${server.url}/graphql?query=${encodeURIComponent(search)}`, { headers })).status
  const types = [{}, { 'content-type': 'application/json' }, { 'content-type': 'message/rfc822' }, { 'content-type': 'text/plain' }]
  const accepts = [{}, { accept: 'application/json' }, { accept: 'text/event-stream' }]
  const [authorized, marks] = [{ authorization: bearer }, [{ 'x-graphql-csrf': '1' }, { 'apollo-require-preflight': 'true' }]]
  for (const type of types) {
    for (const accept of accepts) {
      const sent = { ...type, ...accept }
      expect([sent, await get('{ apps { id } }', sent)]).toEqual([sent, 400])
      expect([sent, await get('{ apps { id } }', { ...sent, cookie: 'a=b' })]).toEqual([sent, 400])
      expect([sent, await get('{ apps { id } }', { ...sent, ...authorized })]).toEqual([sent, 200])
      expect([sent, await get('{ apps { id } }', { ...sent, ...authorized, cookie: 'a=b' })]).toEqual([sent, 400])
      for (const mark of marks) {
        expect([sent, mark, await get('{ apps { id } }', { ...sent, ...mark })]).toEqual([sent, mark, 401])
        expect([sent, mark, await get('{ apps { id } }', { ...sent, ...mark, ...authorized, cookie: 'a=b' })]).toEqual([sent, mark, 200])
      }
    }
  }
  const mutation = 'mutation { createApp(input: { slug: "x", name: "x" }) { __typename } }'
  for (const accept of accepts) expect(await get(mutation, { ...authorized, ...accept })).toBe(405)
  for (const method of ['PUT', 'DELETE', 'PATCH']) expect((await fetch(`${server.url}/graphql`, { method })).status).toBe(405)
})

test('HP-04 a page that a browser opens executes nothing', async () => {
  const search = new URLSearchParams({ query: '{ apps { id } }' })
  for (const accept of ['text/html', 'text/html, text/event-stream', 'text/event-stream, text/html;q=0.1']) {
    const response = await fetch(`${server.url}/graphql?${search}`, { headers: { authorization: bearer, cookie: 'a=b', accept } })
    expect([accept, response.headers.get('content-type')]).toEqual([accept, 'text/html; charset=utf-8'])
    expect((await fetch(`${production.url}/graphql?${search}`, { headers: { cookie: 'a=b', accept } })).status).toBe(400)
  }
})

test('HP-10 in production there is no GraphiQL; elsewhere there is', async () => {
  const page = async (at: TestServer): Promise<string> => (await fetch(`${at.url}/graphql`, { headers: { accept: 'text/html' } })).text()
  expect(await page(production)).not.toMatch(/<html/i)
  expect(await page(server)).toMatch(/<html/i)
})

test('KS-07 KS-14 every answer says that nobody may keep it, has an id of its own, and is not compressed', async () => {
  const ids = new Set<string | null>()
  for (const response of [
    await server.post(query, as('ownA'), { 'accept-encoding': 'gzip, br' }),
    await server.post('{', null),
    await fetch(`${server.url}/nowhere`),
  ]) {
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('content-encoding')).toBeNull()
    ids.add(response.headers.get('x-request-id'))
  }
  expect(ids.size).toBe(3)
  expect(ids.has(null)).toBe(false)
})

test('BI-05 prototypes in variables reach nothing', async () => {
  const variables = '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}, "filter": {"__proto__": {"search": "x"}}}'
  const body = `{"query": "query ($filter: ApiKeyFilter) { apiKeys(filter: $filter) { totalCount } }", "variables": ${variables}}`
  expect((await server.post(body, as('ownA'))).status).toBeLessThan(500)
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})

test('BI-06 null against omitted, extra variables, unknown enum values and too large integers answer as the specification says', async () => {
  const list = 'query ($first: Int) { apiKeys(first: $first) { totalCount } }'
  const ordered = 'query ($o: ApiKeyOrder) { apiKeys(orderBy: $o) { totalCount } }'
  const one = 'query ($id: ID!) { apiKey(id: $id) { id } }'
  const cases: [text: string, variables: object | null, field: string | null][] = [
    [list, { first: null, extra: 1 }, null],
    [list, {}, null],
    [list, null, null],
    [list, { first: 2 ** 31 }, 'first'],
    [list, { first: -(2 ** 31) - 1 }, 'first'],
    [list, { first: 1.5 }, 'first'],
    [list, { first: '1' }, 'first'],
    [ordered, { o: null }, null],
    [ordered, { o: 'RANDOM' }, 'o'],
    [ordered, { o: 'name_asc' }, 'o'],
    [one, {}, 'id'],
    [one, { id: null }, 'id'],
    [one, { id: 'key_nothing' }, null],
    // The query of a literal instead of a variable.
    [`{ apiKeys(first: ${2 ** 31}) { totalCount } }`, null, 'first'],
    ['{ apiKeys(orderBy: RANDOM) { totalCount } }', null, 'orderBy'],
    ['{ apiKey(id: null) { id } }', null, 'id'],
  ]
  for (const [text, variables, field] of cases) {
    // A request that cannot be executed is 400 to clients that know GraphQL over HTTP, and 200 to those that know only JSON.
    for (const [accept, refused] of [
      ['application/graphql-response+json', 400],
      ['application/json', 200],
    ] as const) {
      const response = await server.post({ query: text, variables }, as('ownA'), { accept })
      const { errors } = (await response.json()) as { errors?: { extensions: object }[] }
      const expected = field === null ? [200, undefined] : [refused, [{ code: 'BAD_USER_INPUT', field }]]
      expect([text, variables, accept, response.status, errors?.map(({ extensions }) => extensions)]).toEqual([text, variables, accept, ...expected])
    }
  }
})

test('only the exact paths are served', async () => {
  for (const path of ['/health', '/graphql/', '/graphql/health', '/v1/verify/', '/GRAPHQL']) expect((await fetch(`${server.url}${path}`)).status).toBe(404)
  expect(await (await fetch(`${server.url}/schema.graphql`)).text()).toContain('type ApiKey implements Node')
  expect((await fetch(`${production.url}/schema.graphql`)).status).toBe(200)
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
})
