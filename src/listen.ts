import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createProviderSignIn, type ProviderSignIn } from './authentication/provider-sign-in.ts'
import type { App } from './compose.ts'
import type { Config } from './config.ts'
import { schedule } from './jobs.ts'
import { createNodeHints, type NodeHints } from './live/node-hints.ts'
import { createVersionPoller } from './live/version-poller.ts'
import { createHeartbeat } from './nodes/heartbeat.ts'
import type { Ports } from './ports.ts'
import { type AddressOf, createAddresses, createIsFromProxy } from './server/addresses.ts'
import { authorizeRoute } from './server/authorize.ts'
import { createConnectionQuota } from './server/connection-quota.ts'
import { createCookies } from './server/cookies.ts'
import { createCors } from './server/cors.ts'
import { createEventStreams } from './server/event-stream.ts'
import { createGateway } from './server/gateway.ts'
import { createGraphiQL } from './server/graphiql.ts'
import { createGraphQLServer } from './server/graphql.ts'
import { createGraphQLRoute } from './server/graphql-http.ts'
import { createHealth } from './server/health.ts'
import { commonRoutes, createHttpServer, schemaRoute } from './server/http.ts'
import { keptRoute } from './server/kept-route.ts'
import type { Origins } from './server/origins.ts'
import { portalRoutes } from './server/portal.ts'
import { portalSessionRoutes, type SessionUses } from './server/portal-session.ts'
import { portalSignInRoutes, signInPath } from './server/portal-sign-in.ts'
import { createRepeater } from './server/repeat.ts'
import type { Route } from './server/route.ts'
import { verifyBatchRoute, verifyRoute } from './server/verification.ts'
import type { VerificationMemory } from './server/verification-metrics.ts'
import { attachWebSocket } from './server/websocket.ts'
import { endAllSessions } from './sessions/end-all-sessions.ts'
import { endSession } from './sessions/end-session.ts'
import { redeemCode } from './sessions/redeem-code.ts'
import { startSession } from './sessions/start-session.ts'
import { switchOrganization } from './sessions/switch-organization.ts'
import { maxSharedMs } from './store/sessions.ts'
import { createKeyCache, maxCacheBytes } from './verification/cache.ts'
import { createLookups } from './verification/lookups.ts'
import { createHands, createMarks } from './verification/marks.ts'
import { createVerifier } from './verification/verifier.ts'

/** How many connections may wait to be accepted when all clients reconnect; more retry after seconds. The system may allow fewer. */
const backlog = 8_192

export interface Listening {
  /** The address of the server. */
  readonly url: string
  /** Whether hints of other nodes arrive; null if this node does not listen. */
  isListening(): boolean | null
}

/** What the routes of sessions may do. */
const sessionUses = (ports: Ports): SessionUses => ({
  redeemCode: (input) => redeemCode(ports, input),
  switchOrganization: (actor, input) => switchOrganization(ports, actor, input),
  endSession: (actor) => endSession(ports, actor),
  endAllSessions: (actor) => endAllSessions(ports, actor),
})

/** Sign-in at the identity provider, if this server is its client. */
function providerSignIn(
  { provider, AUTH_CLIENT_ID: clientId, AUTH_CLIENT_SECRET: clientSecret, AUTH_ORG_CLAIM: organizationClaim }: Config,
  { log }: Pick<Ports, 'log'>,
) {
  if (!provider || clientId === undefined) return null
  return createProviderSignIn({ issuer: provider.issuer, clientId, clientSecret, organizationClaim, log })
}

/** GraphQL on all its transports. */
function serveGraphQL({ ports, config, findSession, installation }: App, addressOf: AddressOf) {
  const { production, ALLOWED_ORIGINS: allowedOrigins } = config
  const origins: Origins = { allowed: allowedOrigins, publicUrl: config.PUBLIC_URL }
  const cookies = createCookies(origins, installation, ports.log)
  const cors = createCors(origins, ports.log)
  const graphql = createGraphQLServer(ports, {
    production,
    documentCacheBytes: config.DOCUMENT_CACHE_BYTES,
    keptAnswersBytes: config.KEPT_ANSWERS_BYTES,
    timeoutMs: config.OPERATION_TIMEOUT_MS,
    operationsPerMember: config.MAX_OPERATIONS_PER_MEMBER,
    queuedPerMember: config.MAX_QUEUED_OPERATIONS_PER_MEMBER,
  })
  const quota = createConnectionQuota(config.WS_MAX_SOCKETS_PER_MEMBER)
  const eventStreams = createEventStreams(graphql, quota)
  const provider = providerSignIn(config, ports)
  const signInRoutes = (provider: ProviderSignIn) =>
    portalSignInRoutes({
      provider,
      cookies,
      ports,
      mask: graphql.mask,
      publicUrl: config.PUBLIC_URL,
      defaultOrganization: config.AUTH_DEFAULT_ORGANIZATION ?? null,
      startSession: (input) => startSession(ports, input),
    })
  const graphiql = production ? null : createGraphiQL()
  const route = createGraphQLRoute({ graphql, eventStreams, page: graphiql?.page ?? null, origins, cookies, cors })
  const routes: Readonly<Record<string, Route>> = {
    '/graphql': (request, response) => route(request, response),
    '/schema.graphql': schemaRoute(),
    ...graphiql?.routes,
    ...portalRoutes(),
    ...portalSessionRoutes({ ports, uses: sessionUses(ports), cookies, findSession, mask: graphql.mask, signIn: provider && signInPath }),
    ...(provider ? signInRoutes(provider) : {}),
  }
  return {
    routes,
    lean: new Map([['/graphql', keptRoute(graphql, route)]]),
    eventStreams,
    admission: graphql.admission,
    keptAnswers: graphql.answers.memory,
    attach: (server: Server) =>
      attachWebSocket(server, graphql, quota, {
        origins,
        cookies,
        cors,
        addressOf,
        subscriptionsPerSocket: config.WS_MAX_SUBSCRIPTIONS_PER_SOCKET,
        messagesPerMinute: config.WS_MAX_MESSAGES_PER_MINUTE,
        frameBytes: config.WS_MAX_FRAME_BYTES,
      }),
  }
}

/** Listens for changes of other nodes while the app is open; null for the embedded database and for `off`. */
function listenToNodes({ ports, config, metrics, onChange, onClose }: App): NodeHints | null {
  const url = config.DATABASE_LISTEN_URL ?? config.DATABASE_URL
  if (url === undefined || url === 'off') return null
  const nodeHints = createNodeHints(url, ports.hub, ports.log, metrics.port)
  onChange(nodeHints.changed)
  onClose(nodeHints.close)
  return nodeHints
}

/** Verification: what this node knows, and how it reads. */
function serveVerification({ ports, config, verification, lastUses, rehashes, ownMark }: App, addressOf: AddressOf) {
  const moment = () => ({ mono: performance.now(), wall: ports.clock.now().getTime() })
  const hands = createHands()
  const lookups = createLookups({ store: verification, hands, moment, ownMark }, ports, maxSharedMs)
  const marks = ownMark ?? createMarks(hands, lookups.marks, config.VERIFY_REUSE_MS)
  const cache = createKeyCache(config.VERIFY_CACHE_ENTRIES, maxCacheBytes)
  const verifier = createVerifier({ digests: ports.digests, moment, cache, marks, lookups, rehashes })
  const gateway = createGateway({ ports, verifier, lastUses, gatewayToken: config.GATEWAY_TOKEN, addressOf })
  const routes = new Map([
    ['/v1/verify', verifyRoute(gateway)],
    ['/v1/verify/batch', verifyBatchRoute(gateway)],
    ['/v1/authorize', authorizeRoute(gateway)],
  ])
  const memory = (): VerificationMemory => ({
    ...verifier.tally,
    entries: cache.entries,
    bytes: cache.bytes,
    marksMoved: hands.moved,
    markAge: hands.newest === null ? null : (performance.now() - hands.newest) / 1_000,
  })
  return { routes, lookups, memory }
}

/**
 * Joins the nodes, starts the background jobs, and serves on the configured port until the app is closed. `SERVE` sets the routes:
 * a process that serves only verification runs no operation and follows nothing.
 */
export async function listen(app: App): Promise<Listening> {
  const { ports, config, metrics, nodes } = app
  const { hub, log } = ports
  for (const warning of config.warnings) log.warn({}, warning)
  const addressOf = createAddresses(config.TRUSTED_PROXIES)
  const graphql = config.SERVE === 'verification' ? null : serveGraphQL(app, addressOf)
  const nodeHints = graphql && listenToNodes(app)
  const isListening = (): boolean | null => nodeHints?.isListening ?? null
  const health = createHealth(app, isListening)
  const verification = config.SERVE === 'graphql' ? null : serveVerification(app, addressOf)
  const server = createHttpServer(
    { ...commonRoutes(health, metrics), ...graphql?.routes },
    new Map([...(verification?.routes ?? []), ...(graphql?.lean ?? [])]),
    {
      addressOf,
      isFromProxy: createIsFromProxy(config.TRUSTED_PROXIES),
      keepAliveMs: config.KEEP_ALIVE_SECONDS * 1_000,
    },
  )
  const sockets = graphql?.attach(server)
  metrics.start({
    sockets: () => sockets?.size ?? 0,
    streams: () => graphql?.eventStreams.size ?? 0,
    subscriptions: () => hub.size,
    groups: () => hub.groups,
    keptAnswers: () => graphql?.keptAnswers.size ?? 0,
    keptAnswersBytes: () => graphql?.keptAnswers.bytes ?? 0,
    operationsRunning: () => graphql?.admission.running ?? 0,
    operationsWaiting: () => graphql?.admission.waiting ?? 0,
    isListening,
    keysPerPepper: app.keysPerPepper,
    memory: () => verification?.memory() ?? null,
    waiting: () => verification?.lookups.waiting() ?? {},
  })
  const { beat, leave } = createHeartbeat(nodes, ports)
  await beat()
  app.onClose(leave)
  const poll = graphql && createVersionPoller(hub, ports.organizations.versions)
  for (const { everyMs, run: task } of schedule(app, { beat, poll })) {
    const repeater = createRepeater(everyMs, task, log)
    app.onClose(() => repeater.stop())
  }
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ port: config.PORT, host: config.HOST, backlog }, resolve))
  app.onClose(async () => {
    health.stop()
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    graphql?.eventStreams.close()
    // Open requests get this long.
    const impatience = setTimeout(() => server.closeAllConnections(), 5_000)
    server.closeIdleConnections()
    await Promise.all([sockets?.close(), closed])
    clearTimeout(impatience)
    await app.write()
  })
  const { address, port, family } = server.address() as AddressInfo
  return { url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`, isListening }
}
