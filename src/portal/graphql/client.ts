import { cacheExchange } from '@urql/exchange-graphcache'
import { createClient as createSocket } from 'graphql-ws'
import { Client, type Exchange, fetchExchange, mapExchange, subscriptionExchange } from 'urql'
import { filter, pipe } from 'wonka'
import { connectionLost, connectionMade } from './connection.ts'
import { sessionMayHaveEnded } from './session-end.ts'

/** What has no id of its own is part of what it stands under. */
const embedded = Object.fromEntries(
  [
    'ApiKeyConnection ApiKeyEdge ApiKeyChange AppInstanceConnection AppInstanceEdge EventConnection EventEdge InstanceAccess InstanceAccessConnection',
    'InstanceAccessEdge InstancePermissions KeyCounts KeyCountsOf MemberConnection MemberEdge PageInfo Propagation SecretConnection SecretEdge Viewer',
    'ViewerPermissions RevokeApiKeyResult CreateAppInstancePayload DeleteAppInstancePayload SetInstanceAccessPayload SaveApiKeyAsSecretPayload',
    'DeleteSecretPayload AddMemberPayload SetMemberRolePayload RemoveMemberPayload RevokeApiKeysPayload',
  ]
    .join(' ')
    .split(' ')
    .map((name) => [name, () => null]),
)

/** The newest version that any answer had; an organization's version only grows. */
let newest = 0

/**
 * Stands below the cache: an answer whose rows are older than what the live feed has brought already never reaches it, and is asked for again.
 */
const onlyNewer: Exchange =
  ({ forward, client }) =>
  (operations) =>
    pipe(
      forward(operations),
      filter((result) => {
        const data = result.data as { apiKeys?: { version?: number }; apiKeyChanged?: { version: number } } | undefined
        if (result.operation.kind === 'subscription') newest = Math.max(newest, data?.apiKeyChanged?.version ?? 0)
        const version = data?.apiKeys?.version
        if (version === undefined || version >= newest) return true
        // Another node may be a moment behind the one that told of the change.
        setTimeout(() => client.reexecuteOperation(client.createRequestOperation('query', result.operation, { requestPolicy: 'network-only' })), 200)
        return false
      }),
    )

/**
 * A client of its own for each session: another person or organization finds an empty cache, and a socket that the server asked anew. `onGivenUp`: the
 * socket was closed with a code after which it does not come back, and only another client will.
 */
export function createClient(onGivenUp: () => void): { client: Client; close: () => void } {
  newest = 0
  const socket = createSocket({
    url: `${location.origin.replace(/^http/, 'ws')}/graphql`,
    lazy: false,
    onNonLazyError: onGivenUp,
    retryAttempts: Number.POSITIVE_INFINITY,
    // At random within a time that doubles up to half a minute: many tabs that return in one moment help nobody.
    retryWait: (retries) =>
      new Promise((resolve) => {
        const waiting = new AbortController()
        const go = () => {
          waiting.abort()
          resolve()
        }
        setTimeout(go, 250 + Math.random() * Math.min(30_000, 500 * 2 ** retries))
        addEventListener('online', go, { signal: waiting.signal })
      }),
    shouldRetry: () => true,
    keepAlive: 20_000,
    on: {
      connected: connectionMade,
      closed: (event) => {
        connectionLost()
        if ([4401, 4403].includes((event as CloseEvent).code)) sessionMayHaveEnded()
      },
    },
  })
  const client = new Client({
    url: '/graphql',
    requestPolicy: 'cache-and-network',
    preferGetMethod: false,
    fetchOptions: { headers: { accept: 'application/graphql-response+json, application/json' } },
    exchanges: [
      mapExchange({
        onError(error) {
          if (error.response?.status === 401 || error.graphQLErrors.some((each) => each.extensions['code'] === 'UNAUTHENTICATED')) sessionMayHaveEnded()
        },
      }),
      cacheExchange({ keys: embedded }),
      onlyNewer,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query: query ?? '', variables: variables as Record<string, unknown> }, sink as never) }),
        }),
      }),
    ],
  })
  // A socket from before is silent for long if the network is another, and nothing says that it lives if it is the same.
  const renew = () => socket.terminate()
  addEventListener('offline', renew)
  return {
    client,
    close: () => {
      removeEventListener('offline', renew)
      // A socket that is refused while it is still connecting rejects here, with the event of its end; nobody waits for it any more.
      void Promise.resolve(socket.dispose()).catch(() => undefined)
    },
  }
}
