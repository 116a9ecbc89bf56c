import { Client, fetchExchange, gql } from '@urql/core'
import { expect, test } from 'vitest'
import { wantedBy } from '../../src/server/accept.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server } = await companyOfFile()

const query = { query: '{ apps { slug } }' }
const counts = { query: 'subscription { keyCounts { total } }' }

/** What each client sends with every operation, as it comes. */
const clients: Readonly<Record<string, string>> = {
  'urql and gql.tada': 'application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed',
  'Apollo Client 4': 'application/graphql-response+json,application/json;q=0.9',
  'Apollo Client 3': '*/*',
  'Apollo Client with @defer': 'multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json;q=0.9',
  Relay: 'application/graphql-response+json; charset=utf-8, application/json; charset=utf-8',
  curl: '*/*',
  axios: 'application/json, text/plain, */*',
  'graphql-request': 'application/graphql-response+json, application/json',
}

const typeOf = (response: Response): string => (response.headers.get('content-type') ?? '').split(';', 1)[0] ?? ''

for (const [client, accept] of Object.entries(clients)) {
  test(`HP-12 ${client} gets JSON for a query and a mutation`, async () => {
    for (const body of [query, { query: 'mutation { deleteSecret(input: { id: "sec_x" }) { __typename } }' }]) {
      const response = await server.post(body, as('ownA'), { accept })
      expect(typeOf(response)).toMatch(/^application\/(graphql-response\+)?json$/)
      expect(await response.json()).toHaveProperty('data')
    }
  })
}

test('HP-12 a query becomes a stream only where events are the only match or the better one', async () => {
  for (const [accept, type] of [
    ['text/event-stream', 'text/event-stream'],
    ['text/event-stream, application/json;q=0.9', 'text/event-stream'],
    ['application/json;q=0, text/event-stream', 'text/event-stream'],
    ['text/event-stream;q=0.5, application/*;q=0.6', 'application/json'],
    ['TEXT/EVENT-STREAM , application/json', 'application/json'],
    ['text/event-stream;q=0, */*', 'application/json'],
    ['application/json;q=0.9, application/graphql-response+json;q=0.8, text/event-stream;q=0.7', 'application/json'],
  ] as const) {
    const response = await server.post(query, as('ownA'), { accept })
    expect([accept, typeOf(response), response.status]).toEqual([accept, type, 200])
    await response.body?.cancel()
  }
})

test('HP-12 a subscription gets events wherever they are listed, and no operation place is kept', async () => {
  for (const accept of ['text/event-stream', clients['urql and gql.tada'] ?? '', 'application/json, text/event-stream;q=0.1']) {
    const response = await server.post(counts, as('ownA'), { accept })
    expect([accept, response.status, typeOf(response)]).toEqual([accept, 200, 'text/event-stream'])
    const reader = response.body?.getReader()
    let text = ''
    while (!text.includes('event: next')) text += Buffer.from((await reader?.read())?.value ?? new Uint8Array()).toString()
    expect(text).toContain('"keyCounts":{"total":0}')
    await reader?.cancel()
  }
  for (const accept of ['application/json', '*/*', 'text/event-stream;q=0, application/json']) {
    const response = await server.post(counts, as('ownA'), { accept })
    expect([accept, typeOf(response).includes('json')]).toEqual([accept, true])
  }
  const wrong = await server.post({ query: 'subscription { nothing }' }, as('ownA'), { accept: clients['urql and gql.tada'] ?? '' })
  expect(wrong.status).toBe(400)
})

test('HP-12 urql works with its defaults: its first query is a GET with a token', async () => {
  const seen: string[] = []
  const authorization = `Bearer ${await server.token('ownA', 'a')}`
  const client = new Client({
    url: `${server.url}/graphql`,
    exchanges: [fetchExchange],
    fetchOptions: { headers: { authorization } },
    fetch: async (input: string, init?: RequestInit) => {
      seen.push(init?.method ?? 'GET')
      return fetch(input, init)
    },
  } as never)
  const read = await client.query(gql('{ apps { slug } }'), {}).toPromise()
  expect([read.error, read.data]).toEqual([undefined, { apps: [{ slug: 'functions' }] }])
  const changed = await client.mutation(gql('mutation { createApp(input: { slug: "u", name: "u" }) { app { slug } } }'), {}).toPromise()
  expect([changed.error, changed.data]).toEqual([undefined, { createApp: { app: { slug: 'u' } } }])
  expect(seen[1]).toBe('POST')
})

test('HP-12 the weights of RFC 9110 count, the more specific range first', () => {
  expect(wantedBy(undefined)).toEqual({ json: '*/*', events: 'never', html: false })
  expect(wantedBy('text/event-stream, */*;q=0.1').events).toBe('all')
  expect(wantedBy('text/*, application/json;q=0.5').events).toBe('all')
  expect(wantedBy('text/*;q=0.5, application/json').events).toBe('subscriptions')
  expect(wantedBy('application/json;q=nonsense').json).toBe('application/json')
  expect(wantedBy(`${'text/event-stream,'.repeat(1_000)}`).events).toBe('never')
})

/** The headers of a GET as each client or page sends them, beside what its caller adds, and the status of a query without a token. */
const gets: Readonly<Record<string, readonly [headers: Readonly<Record<string, string>>, without: number]>> = {
  urql: [{ accept: clients['urql and gql.tada'] ?? '' }, 400],
  'Apollo Client 4': [{ accept: clients['Apollo Client 4'] ?? '' }, 400],
  'Apollo Client 4 with the header that its server asks for': [{ accept: clients['Apollo Client 4'] ?? '', 'apollo-require-preflight': 'true' }, 401],
  'Apollo Client 3': [{ accept: '*/*', 'content-type': 'application/json' }, 400],
  'Apollo iOS': [{ accept: 'multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json', 'X-APOLLO-OPERATION-NAME': 'Apps' }, 400],
  'graphql-request': [{ accept: 'application/graphql-response+json, application/json', 'content-type': 'application/json' }, 400],
  axios: [{ accept: 'application/json, text/plain, */*' }, 400],
  curl: [{ accept: '*/*' }, 400],
  'graphql-sse': [{ accept: 'text/event-stream' }, 400],
  EventSource: [
    { accept: 'text/event-stream', 'cache-control': 'no-cache', 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
    400,
  ],
  'an image of a page': [
    { accept: 'image/avif,image/webp,*/*;q=0.8', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
    400,
  ],
}

for (const [client, [headers, without]] of Object.entries(gets)) {
  test(`HP-04 a GET of ${client} is answered with a token, and with a cookie, or without a token, only if it is marked`, async () => {
    const authorization = `Bearer ${await server.token('ownA', 'a')}`
    const get = async (more: object): Promise<number> => {
      const response = await fetch(`${server.url}/graphql?${new URLSearchParams(query)}`, { headers: { ...headers, ...more } })
      await response.body?.cancel()
      return response.status
    }
    expect([await get({ authorization }), await get({})]).toEqual([200, without])
    const isMarked = 'apollo-require-preflight' in headers
    for (const cookie of ['another=program', `aura-keys-session-${server.app.installation}=${'A'.repeat(43)}`]) {
      expect([cookie, await get({ authorization, cookie }), await get({ cookie })]).toEqual([cookie, isMarked ? 200 : 400, without])
    }
  })
}
