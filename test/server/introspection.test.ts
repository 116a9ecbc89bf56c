import { getIntrospectionQuery } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, createCompany } from '../support/company.ts'
import { type As, type GraphQLAnswer, startServer, type TestServer } from '../support/server.ts'
import { overEvents, overWebSocket } from '../support/subscribe.ts'

let production: TestServer
let development: TestServer

beforeAll(async () => {
  const more = { WS_MAX_SOCKETS_PER_MEMBER: '1000' }
  production = await startServer({ NODE_ENV: 'production', ...more })
  development = await startServer(more)
  for (const server of [production, development]) await createCompany(server)
})
afterAll(async () => {
  await production.close()
  await development.close()
})

type Ask = (at: TestServer, query: string, who: As) => Promise<GraphQLAnswer<unknown>>
const bearer = async (at: TestServer, who: As): Promise<string | null> =>
  who !== null && 'subject' in who ? `Bearer ${await at.token(who.subject, 'a')}` : null
const firstOf =
  (subscribe: typeof overEvents): Ask =>
  async (at, query, who) => {
    const stream = subscribe(at, query, {}, await bearer(at, who))
    const answer = await stream.next()
    await stream.end()
    return answer ?? {}
  }
const get =
  (accept: string): Ask =>
  async (at, query, who) => {
    const authorization = await bearer(at, who)
    const response = await fetch(`${at.url}/graphql?query=${encodeURIComponent(query)}`, {
      headers: { accept, 'x-graphql-csrf': '1', ...(authorization === null ? {} : { authorization }) },
    })
    const text = await response.text()
    return JSON.parse(/^data: ?(\{.+)$/m.exec(text)?.[1] ?? text)
  }
const ways: Record<string, Ask> = {
  POST: async (at, query, who) => (await at.post({ query }, who)).json() as Promise<GraphQLAnswer<unknown>>,
  GET: get('application/json'),
  'SSE by POST': firstOf(overEvents),
  'SSE by GET': get('text/event-stream'),
  WebSocket: firstOf(overWebSocket),
}

const tricks: Record<string, string> = {
  'the whole query of tools': getIntrospectionQuery(),
  plain: '{ __schema { types { name } } }',
  'one type': '{ __type(name: "ApiKey") { name fields { name } } }',
  'in an inline fragment': '{ ... on Query { __schema { types { name } } } }',
  'in a fragment without a type': '{ ... { __type(name: "ApiKey") { name } } }',
  'in a fragment': '{ ...F } fragment F on Query { __schema { types { name } } }',
  'in a fragment of a fragment': '{ ...F } fragment F on Query { ...G } fragment G on Query { __type(name: "ApiKey") { name } }',
  'under an alias': '{ apps: __schema { types { name } } }',
  'behind a comment': '{ # apps\n__schema # { apps { id } }\n{ types { name } } }',
  'behind newlines and commas': '{\r\n,,,\n__schema\n{,types\t{\nname,}}}',
  'behind a byte order mark': '\ufeff{ __schema { types { name } } }',
  'beside what is allowed': '{ apps { id } __type(name: "ApiKey") { name } }',
  'behind a directive': '{ __schema @include(if: true) { types { name } } }',
  'in the second of two operations': 'query A { apps { id } } query B { __schema { types { name } } }',
  'in a mutation': 'mutation { __schema { types { name } } }',
}

const names = ['KeyCounts', 'queryType', 'ApiKey']

for (const [way, ask] of Object.entries(ways)) {
  describe(`over ${way}`, () => {
    for (const [trick, query] of Object.entries(tricks)) {
      test(`DS-08 in production nobody reads the schema through GraphQL: ${trick}`, async () => {
        for (const who of [null, as('ownA'), { authorization: 'Bearer junk' }]) {
          const answer = await ask(production, query, who)
          expect(answer.data ?? null).toBeNull()
          expect(answer.errors?.length, JSON.stringify(answer)).toBeGreaterThan(0)
          // Who is asking is settled before the document is read.
          const expected = who !== null && 'subject' in who ? 'QUERY_REJECTED' : 'UNAUTHENTICATED'
          for (const error of answer.errors ?? []) expect(error.extensions.code).toBe(expected)
          for (const name of names) expect(JSON.stringify(answer)).not.toContain(`"name":"${name}"`)
        }
      })
    }

    test('DS-08 elsewhere members read it, so that the refusals above are those of production', async () => {
      const read = ['plain', 'one type', 'in a fragment of a fragment', 'behind a comment', 'behind newlines and commas']
      for (const trick of read) {
        const answer = await ask(development, tricks[trick] ?? '', as('ownA'))
        expect([trick, answer.errors]).toEqual([trick, undefined])
        expect(JSON.stringify(answer.data)).toContain('"name":"ApiKey"')
      }
    })
  })
}
