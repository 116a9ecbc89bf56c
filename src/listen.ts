import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { App } from './compose.ts'
import { createPoller, createWakeUp } from './live/wake-up.ts'
import { createAddresses } from './server/addresses.ts'
import { createEventsRoute } from './server/events.ts'
import { createGraphQLServer } from './server/graphql.ts'
import { createHttpServer } from './server/http.ts'
import { createRepeater } from './server/repeat.ts'
import { createStreams } from './server/streams.ts'
import { attachWebSocket } from './server/websocket.ts'
import { createVerificationRoute } from './verification/http.ts'

/** Connections that wait to be accepted, when clients come back all at once; beyond it they try again after seconds. The system may allow fewer. */
const backlog = 8_192

export interface Listening {
  /** The address that it serves at. */
  readonly url: string
  /** Whether hints of other nodes arrive; null when there is nobody to listen to. */
  isListening(): boolean | null
}

/** Joins the nodes, starts what runs beside the requests, and serves on the configured port until the app is closed. */
export async function listen(app: App): Promise<Listening> {
  const { ports, database, config, metrics, nodes, lastUses, lines } = app
  const { hub, log, digests, seals } = ports
  const nodeId = randomUUID()
  let serving = true
  const listenUrl = config.DATABASE_LISTEN_URL ?? config.DATABASE_URL
  const wakeUp = listenUrl === undefined || listenUrl === 'off' ? null : createWakeUp(listenUrl, hub, log, metrics.port)
  const isListening = (): boolean | null => wakeUp?.isListening ?? null
  if (wakeUp) {
    app.onChange(wakeUp.changed)
    app.onClose(wakeUp.close)
  }
  const health = {
    problem: async () =>
      serving
        ? Promise.race([database.client.$queryRaw`SELECT 1`.then(() => null), pause(2_000, 'the database does not answer', { ref: false })]).catch(
            () => 'the database does not answer',
          )
        : 'the server is stopping',
    warnings: () => (isListening() === false ? ['the connection that listens for changes of other nodes is gone: they are seen by polling'] : []),
  }
  const { production, ALLOWED_ORIGINS: allowedOrigins } = config
  const graphql = createGraphQLServer(ports, { production, allowedOrigins })
  const addressOf = createAddresses(config.TRUSTED_PROXIES)
  const verification = createVerificationRoute(ports, lastUses, config.GATEWAY_TOKEN, addressOf)
  const streams = createStreams(config.WS_MAX_SOCKETS_PER_MEMBER)
  const events = createEventsRoute(graphql, streams)
  const server = createHttpServer({ graphql, events, verification, health, metrics, production, allowedOrigins, addressOf })
  const sockets = attachWebSocket(server, graphql, streams, {
    allowedOrigins,
    addressOf,
    subscriptionsPerSocket: config.WS_MAX_SUBSCRIPTIONS_PER_SOCKET,
    messagesPerMinute: config.WS_MAX_MESSAGES_PER_MINUTE,
    frameBytes: config.WS_MAX_FRAME_BYTES,
  })
  metrics.start({
    sockets: () => sockets.size,
    streams: () => events.size,
    subscriptions: () => hub.size,
    groups: () => hub.groups,
    isListening,
  })
  const beat = async (): Promise<void> => {
    const known = await nodes.beat(nodeId, [...digests.pepperIds, ...seals.kekIds])
    digests.agree(known)
    seals.agree(known)
  }
  await beat()
  app.onClose(async () => void (await nodes.leave(nodeId)))
  for (const [everyMs, task] of [
    [500, createPoller(hub, ports.organizations.versions)],
    [500, app.sweep],
    [60_000, app.tidy],
    [1_000, beat],
    [1_000, async () => lines.tell()],
  ] as const) {
    const repeater = createRepeater(everyMs, task, log)
    app.onClose(() => repeater.stop())
  }
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ port: config.PORT, host: config.HOST, backlog }, resolve))
  app.onClose(async () => {
    serving = false
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    events.close()
    // Requests under way get this long.
    const impatience = setTimeout(() => server.closeAllConnections(), 5_000)
    server.closeIdleConnections()
    await Promise.all([sockets.close(), closed])
    clearTimeout(impatience)
    await lastUses.flush()
  })
  const { address, port, family } = server.address() as AddressInfo
  return { url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`, isListening }
}
