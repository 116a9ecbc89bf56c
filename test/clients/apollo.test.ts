import { createHash } from 'node:crypto'
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { CombinedGraphQLErrors } from '@apollo/client/errors'
import { BatchHttpLink } from '@apollo/client/link/batch-http'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { createClient } from 'graphql-ws'
import { afterAll, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()
const authorization = `Bearer ${await server.token('ownA', 'a')}`
const uri = `${server.url}/graphql`
const slow = { timeout: 20_000 }
const clients: ApolloClient[] = []
afterAll(() => {
  for (const client of clients) client.stop()
})

function clientOn(link: ApolloLink): ApolloClient {
  const client = new ApolloClient({ link, cache: new InMemoryCache() })
  clients.push(client)
  return client
}

/** What a link sent, as bodies. */
function spied() {
  const bodies: Record<string, unknown>[] = []
  const spy: typeof fetch = (url, init) => {
    if (typeof init?.body === 'string') bodies.push(JSON.parse(init.body))
    return fetch(url, init)
  }
  return { bodies, options: { uri, headers: { authorization }, fetch: spy } }
}

const viewer = gql`query Viewer { viewer { member { name } } }`
const counts = gql`query Counts($id: ID!) { instance(id: $id) { id keyCounts { active version } } }`

test('a query, its refusal and the code of the refusal arrive', async () => {
  const client = clientOn(new HttpLink(spied().options))
  expect((await client.query({ query: viewer })).data).toMatchObject({ viewer: { member: { name: 'ownA' } } })
  const refused = await client.query({ query: gql`{ nothing }` }).catch((error: unknown) => error)
  expect(CombinedGraphQLErrors.is(refused) && refused.errors[0]?.extensions?.['code']).toBe('QUERY_REJECTED')
})

test.each([false, true])(
  'with automatic persisted queries it sends the document once it was told to, and no hash again (GET: %s)',
  async (useGETForHashedQueries) => {
    const { bodies, options } = spied()
    const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
    const client = clientOn(new PersistedQueryLink({ sha256, useGETForHashedQueries }).concat(new HttpLink(options)))
    expect((await client.query({ query: viewer })).data).toMatchObject({ viewer: {} })
    expect((await client.query({ query: counts, variables: { id: company.I1 } })).data).toMatchObject({ instance: { id: company.I1 } })
    const isHash = (body: object): boolean => 'persistedQuery' in ((body as { extensions?: object }).extensions ?? {})
    // Over GET the hash is in the address, and only the documents have bodies.
    expect(bodies.map((body) => [isHash(body), 'query' in body])).toEqual([...(useGETForHashedQueries ? [] : [[true, false]]), [false, true], [false, true]])
  },
)

test('a batch shows each of its operations what the server says about batches', async () => {
  const client = clientOn(new BatchHttpLink({ ...spied().options, batchInterval: 5 }))
  const asked = [client.query({ query: viewer }), client.query({ query: counts, variables: { id: company.I1 } })]
  for (const outcome of await Promise.allSettled(asked)) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { message: 'Batches are not supported: send one operation per request.' } })
  }
})

/** HTTP for queries, a socket for subscriptions. */
function withSocket() {
  const sockets = createClient({ url: uri.replace('http', 'ws'), webSocketImpl: WebSocket, connectionParams: { Authorization: authorization } })
  return clientOn(ApolloLink.split(({ operationType }) => operationType === 'subscription', new GraphQLWsLink(sockets), new HttpLink(spied().options)))
}

interface Shown {
  readonly shown: number[]
  received: number
  stop: () => void
}

/** What a view that shows the counts of I1 has shown, while a page watches with `selection`. */
async function shownWith(selection: string): Promise<Shown> {
  const client = withSocket()
  const state: Shown = { shown: [], received: 0, stop: () => undefined }
  const view = client
    .watchQuery<{ instance: { keyCounts: { active: number } } }>({ query: counts, variables: { id: company.I1 } })
    .subscribe(({ data, dataState }) => {
      if (dataState === 'complete') state.shown.push(data.instance.keyCounts.active)
    })
  await vi.waitFor(() => expect(state.shown).toHaveLength(1), slow)
  const page = client
    .subscribe({ query: gql(`subscription ($ids: [ID!]) { keyCountsOf(instanceIds: $ids) { ${selection} } }`), variables: { ids: [company.I1] } })
    .subscribe(() => state.received++)
  state.stop = () => {
    view.unsubscribe()
    page.unsubscribe()
  }
  await vi.waitFor(() => expect(state.received).toBe(1), slow)
  return state
}

test('keyCountsOf updates the cache where it selects keyCounts of the instance, and not where it selects counts beside it', async () => {
  const updated = await shownWith('instance { id keyCounts { active version } }')
  const beside = await shownWith('instance { id } counts { active version }')
  const [before = 0] = updated.shown
  await company.createKey('ownA', company.I1)
  await vi.waitFor(() => expect(updated.shown.at(-1)).toBe(before + 1), slow)
  await vi.waitFor(() => expect(beside.received).toBe(2), slow)
  expect(beside.shown).toEqual([before])
  for (const state of [updated, beside]) state.stop()
})
