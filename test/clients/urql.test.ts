import { Client, cacheExchange, fetchExchange, gql, subscriptionExchange } from '@urql/core'
import { createClient } from 'graphql-ws'
import { expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()
const authorization = `Bearer ${await server.token('ownA', 'a')}`
const url = `${server.url}/graphql`
const slow = { timeout: 20_000 }

/** A client with its defaults, and the requests that it made. */
function clientWith(settings: Partial<ConstructorParameters<typeof Client>[0]> = {}) {
  const requests: { method: string; accept: string | null }[] = []
  const spy: typeof fetch = (target, init) => {
    requests.push({ method: init?.method ?? 'GET', accept: new Headers(init?.headers).get('accept') })
    return fetch(target, init)
  }
  const exchanges = [cacheExchange, fetchExchange]
  return { requests, client: new Client({ url, exchanges, fetch: spy, fetchOptions: { headers: { authorization } }, ...settings }) }
}

const viewer = gql`query Viewer { viewer { member { name } } }`
const count = gql`subscription ($id: ID!) { keyCounts(instanceId: $id) { active } }`

test('queries by GET or POST, whatever they list as acceptable, are answered', async () => {
  for (const preferGetMethod of [undefined, false, 'force', 'within-url-limit'] as const) {
    const { client, requests } = clientWith(preferGetMethod === undefined ? {} : { preferGetMethod })
    expect((await client.query(viewer, {})).data).toMatchObject({ viewer: { member: { name: 'ownA' } } })
    expect(requests).toEqual([{ method: preferGetMethod === false ? 'POST' : 'GET', accept: expect.stringContaining('text/event-stream') }])
  }
})

test('mutations and long queries are sent by POST, and refusals arrive with their code', async () => {
  const { client, requests } = clientWith()
  const create = gql`mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } } }`
  const input = { instanceId: company.I1, name: ' ', expiresInDays: 1 }
  expect((await client.mutation(create, { input })).error?.graphQLErrors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'name' })
  const long = gql(`query Long { ${'viewer { member { name } } '.repeat(40)} }`)
  expect((await client.query(long, {})).data).toMatchObject({ viewer: { member: { name: 'ownA' } } })
  expect(requests.map(({ method }) => method)).toEqual(['POST', 'POST'])
  expect((await client.query(gql`{ nothing }`, {})).error?.graphQLErrors[0]?.extensions).toMatchObject({ code: 'QUERY_REJECTED' })
  const { client: stranger } = clientWith({ fetchOptions: {}, preferGetMethod: false })
  expect((await stranger.query(viewer, {})).error?.graphQLErrors[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED' })
})

const sockets = createClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, connectionParams: { authorization } })
const overSocket = subscriptionExchange({
  forwardSubscription: ({ query = '', ...request }) => ({
    subscribe: (sink) => ({ unsubscribe: sockets.subscribe({ query, ...(request as object) }, sink as Parameters<typeof sockets.subscribe>[1]) }),
  }),
})

test.each([
  ['event streams', { fetchSubscriptions: true }],
  ['a WebSocket', { exchanges: [cacheExchange, fetchExchange, overSocket] }],
] as const)('subscriptions over %s follow the counts', async (_name, settings) => {
  const { client } = clientWith(settings as Partial<ConstructorParameters<typeof Client>[0]>)
  const seen: number[] = []
  const { unsubscribe } = client.subscription(count, { id: company.I1 }).subscribe(({ data, error }) => {
    if (error) throw error
    seen.push(data.keyCounts.active)
  })
  await vi.waitFor(() => expect(seen).toHaveLength(1), slow)
  await company.createKey('ownA', company.I1)
  await vi.waitFor(() => expect(seen.at(-1)).toBe((seen[0] ?? 0) + 1), slow)
  unsubscribe()
})
