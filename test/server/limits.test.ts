import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, createCompany } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { everyTransport } from '../support/transports.ts'

let server: TestServer
let production: TestServer

beforeAll(async () => {
  server = await startServer({ WS_MAX_MESSAGES_PER_MINUTE: '100000', WS_MAX_SOCKETS_PER_MEMBER: '1000' })
  await createCompany(server)
  production = await startServer({ NODE_ENV: 'production' })
  await createCompany(production)
})
afterAll(async () => {
  await server.close()
  await production.close()
})

const nested = (depth: number): string => {
  // Small pages: pages of twenty this deep are refused for their rows.
  const names = ['app', 'instances(first: 2)', 'edges', 'node']
  let text = '__typename'
  for (let level = depth - 3; level >= 0; level--) text = `${names[level % 4]} { ${text} }`
  return `{ instance(id: "ins_x") { ${text} } }`
}
const aliases = (count: number, field = 'viewer { __typename }'): string =>
  `{ ${Array.from({ length: count }, (_, index) => `a${index}: ${field}`).join(' ')} }`
const mutations = (count: number): string =>
  `mutation { ${Array.from({ length: count }, (_, index) => `a${index}: createApp(input: { slug: "A", name: "" }) { app { id } }`).join(' ')} }`

for (const [transport, send] of Object.entries(everyTransport)) {
  describe(`DS-18 over ${transport}`, () => {
    const post = (at: TestServer, query: string, variables = {}) => send(at, { query, variables }, as('ownA'))
    const codes = async (query: string, at = server): Promise<string[]> => ((await post(at, query)).errors ?? []).map((error) => error.extensions.code)

    test('DS-05 twelve fields deep is allowed, thirteen are not, whatever fragments hide them', async () => {
      expect(await codes(nested(12))).toEqual([])
      expect(await codes(nested(13))).toEqual(['QUERY_REJECTED'])
      expect(await codes(nested(50))).toEqual(['QUERY_REJECTED'])
      const levels = Array.from(
        { length: 13 },
        (_, level) => `fragment F${level} on AppInstance { app { instances { edges { node { ${level < 12 ? `...F${level + 1}` : 'id'} } } } } }`,
      )
      expect(await codes(`{ instance(id: "x") { ...F0 } } ${levels.join(' ')}`)).toContain('QUERY_REJECTED')
      expect(
        await codes(
          `{ instance(id: "x") { ...__schema } } ${nested(13)
            .replace(/^\{ instance\(id: "ins_x"\)/, 'fragment __schema on AppInstance')
            .replace(/ \}$/, '')}`,
        ),
      ).toEqual(['QUERY_REJECTED'])
      expect(
        await codes(
          `{ near: instance(id: "x") { ...F } far: instance(id: "x") { app { instances { edges { node { app { instances { edges { node { ...F } } } } } } } } } } fragment F on AppInstance { app { instances { edges { node { id } } } } }`,
        ),
      ).toEqual(['QUERY_REJECTED'])
    })

    test('DS-02 fifty aliases are allowed, fifty-one are not, and five root fields of a mutation, not six', async () => {
      expect(await codes(aliases(50))).toEqual([])
      expect(await codes(aliases(51))).toEqual(['QUERY_REJECTED'])
      expect(await codes(aliases(51, '__typename'))).toEqual(['QUERY_REJECTED'])
      expect(await codes(aliases(101, 'apiKey(id: "x") { id }'))).toEqual(['QUERY_REJECTED'])
      expect(await codes(mutations(5))).toEqual(Array(5).fill('BAD_USER_INPUT'))
      expect(await codes(mutations(6))).toEqual(['QUERY_REJECTED'])
      expect(await codes(`mutation { ...M } fragment M on Mutation ${mutations(6).replace('mutation ', '')}`)).toEqual(['QUERY_REJECTED'])
    })

    test('DS-03 more than five directives in one place are refused with few errors', async () => {
      expect((await codes('{ __typename @a@a@a@a@a@a@a@a@a@a }')).length).toBeLessThan(10)
      expect(await codes('{ viewer { __typename @include(if: true) @skip(if: false) } }')).toEqual([])
      const answer = await post(server, `{ __typename ${'@include(if: true) '.repeat(6)} }`)
      expect(answer.errors?.map((error) => error.message).join()).toContain('at most 5')
    })

    test('DS-04 two thousand tokens are the most', async () => {
      const fields = ['id', 'name', 'hint', 'status', 'createdAt'].map((name) => `${name} @include(if: true) `.repeat(46))
      expect(await codes(`{ apiKeys(first: 1) { edges { node { ${fields.join('')} } } } }`)).toEqual([])
      expect(await codes(`{ ${'__typename '.repeat(1_900)} }`)).toEqual(['QUERY_REJECTED'])
      expect(await codes(`{ ${'__typename '.repeat(2_100)} }`)).toEqual(['QUERY_REJECTED'])
    })

    test('DS-15 a thousand unknown fields get a short answer', async () => {
      const answer = await post(server, `{ ${Array.from({ length: 900 }, (_, index) => `unknown${index}`).join(' ')} }`)
      expect(JSON.stringify(answer).length).toBeLessThan(64_000)
      expect(new Set(answer.errors?.map((error) => error.extensions.code))).toEqual(new Set(['QUERY_REJECTED']))
    })

    test('DS-08 introspection is off in production, however it is asked for', async () => {
      for (const query of [
        '{ __schema { types { name } } }',
        '{ __type(name: "ApiKey") { name } }',
        '{ ...F } fragment F on Query { __schema { types { name } } }',
        '{\n#x\n__schema{types{name}}}',
        '{ ... on Query { a: __type(name: "ApiKey") { name } } }',
      ]) {
        expect(await codes(query, production)).toEqual(['QUERY_REJECTED'])
        expect(await codes(query, server)).toEqual([])
      }
    })

    test('errors have codes of the closed list and name the field, for literals as for variables', async () => {
      const wrong = (input: string): string => `mutation { createApiKey(input: ${input}) { plaintext } }`
      for (const [literal, field] of [
        ['{ instanceId: "x", name: 1, expiresInDays: 1 }', 'name'],
        ['{ instanceId: "x", name: "n", expiresAt: "2026-02-30T00:00:00Z" }', 'expiresAt'],
        ['{ instanceId: "x", name: "n", orgId: "o" }', 'orgId'],
        ['{ instanceId: "x", name: null }', 'name'],
      ] as const) {
        const [error] = (await post(server, wrong(literal))).errors ?? []
        expect(error?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field })
      }
      const variables = { input: { instanceId: 'x', name: 1, orgId: 2 } }
      const answer = await post(server, 'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { plaintext } }', variables)
      expect(answer.errors?.map((error) => error.extensions)).toEqual([
        { code: 'BAD_USER_INPUT', field: 'name' },
        { code: 'BAD_USER_INPUT', field: 'orgId' },
      ])
      expect(await codes('{ nope }')).toEqual(['QUERY_REJECTED'])
      expect(await codes('{ ')).toEqual(['QUERY_REJECTED'])
    })
  })
}
