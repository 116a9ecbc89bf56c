import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { CloseCode, handleProtocols, makeServer, type WebSocket as ProtocolSocket } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Log } from '../ports.ts'
import type { ConnectionQuota } from './connection-quota.ts'
import type { Cookies } from './cookies.ts'
import { type Cors, refusedOrigin } from './cors.ts'
import type { GraphQLServer } from './graphql.ts'
import { isKnownOrigin, type Origins } from './origins.ts'
import { createSocketHooks } from './socket-hooks.ts'
import { tryAgainLater } from './socket-wire.ts'
import { asksForWebSocket } from './upgrades.ts'

export interface SocketLimits {
  readonly subscriptionsPerSocket: number
  readonly messagesPerMinute: number
  readonly frameBytes: number
}

/** A socket without a pong before the next ping is dead: noticed within twice this time. */
const pingMs = 12_000
/** From opening to acknowledgement, however slow the database is. */
const openingMs = 4_500
/** How long a client may take to close when the server stops. */
const goodbyeMs = 3_000
const maxFragments = 64
/** Bytes of answers that a client does not read. */
const maxUnreadBytes = 4_000_000

/** Counts the messages of one socket and closes it if a minute has more than allowed, or if its answers are not read. */
function limitMessages(socket: WebSocket, perMinute: number): void {
  let minute = 0
  let messages = 0
  socket.on('message', () => {
    const now = Math.floor(performance.now() / 60_000)
    messages = now === minute ? messages + 1 : 1
    minute = now
    if (messages > perMinute) socket.close(tryAgainLater, 'Too many messages')
    if (socket.bufferedAmount > maxUnreadBytes) socket.terminate()
  })
}

/** The socket as graphql-ws uses it. */
const forGraphqlWs = (socket: WebSocket, log: Log): ProtocolSocket => ({
  protocol: socket.protocol,
  send: (data) =>
    new Promise((resolve, reject) => {
      if (socket.readyState !== socket.OPEN) resolve()
      else socket.send(data, (error) => (error ? reject(error) : resolve()))
    }),
  close: (code, reason) => socket.close(code, reason),
  onMessage: (take) =>
    socket.on('message', (data) => {
      // A client may send messages after the close started; they are ignored.
      if (socket.readyState !== socket.OPEN) return
      take(String(data)).catch((error: Error) => {
        if (socket.readyState === socket.OPEN) log.error({ error: error.name }, 'a message of a socket failed')
        socket.close(CloseCode.InternalServerError, 'Internal server error')
      })
    }),
})

const nothingHere = 'There is nothing here. GraphQL over WebSocket is at /graphql.'

/** Answers an upgrade that is not made. */
function refuse(socket: Duplex, status: string, error: string): void {
  const body = JSON.stringify({ error })
  const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}`
  socket.end(`${head}\r\n\r\n${body}`, () => socket.destroy())
}

/** GraphQL over WebSocket (`graphql-transport-ws`) at `/graphql`, with the same preparation as over HTTP. */
export function attachWebSocket(
  server: Server,
  graphql: GraphQLServer,
  quota: ConnectionQuota,
  options: SocketLimits & { origins: Origins; cookies: Cookies; cors: Pick<Cors, 'refused'>; addressOf: (request: IncomingMessage) => string },
): { readonly size: number; close(): Promise<void> } {
  const { log, metrics } = graphql.ports
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: options.frameBytes,
    maxFragments,
    perMessageDeflate: false,
    handleProtocols: (protocols) => handleProtocols(protocols),
  })
  const protocol = makeServer(createSocketHooks(graphql, quota, options))
  const alive = new WeakSet<WebSocket>()

  function opened(socket: WebSocket, request: IncomingMessage): void {
    limitMessages(socket, options.messagesPerMinute)
    // For example a too large frame: ws closes the socket with its code.
    socket.on('error', () => undefined)
    socket.on('pong', () => alive.add(socket))
    alive.add(socket)
    const impatience = setTimeout(() => socket.close(4408, 'Opening took too long'), openingMs)
    const closed = protocol.opened(forGraphqlWs(socket, log), {
      socket,
      address: options.addressOf(request),
      // Only now: no later message has an Origin.
      session: options.cookies.read(request),
      authorization: request.headers.authorization,
      identity: null,
      actor: null,
      acknowledged: () => clearTimeout(impatience),
      running: new Map(),
    })
    socket.once('close', (code, reason) => {
      clearTimeout(impatience)
      metrics.closed(String(code))
      void closed(code, String(reason))
    })
  }

  server.on('upgrade', (request: IncomingMessage, socket, head) => {
    if (!asksForWebSocket(request)) return
    // Node leaves the connection, with its errors and its end, to the upgrade handler.
    socket.on('error', () => socket.destroy())
    if ((request.url ?? '').split('?', 1)[0] !== '/graphql') return refuse(socket, '404 Not Found', nothingHere)
    if (!isKnownOrigin(request.headers, options.origins)) {
      options.cors.refused(request)
      return refuse(socket, '403 Forbidden', refusedOrigin)
    }
    // Of several protocols this one is chosen.
    request.headers.upgrade = 'websocket'
    sockets.handleUpgrade(request, socket, head, opened)
  })

  // One timer for all sockets: ten thousand timers would cost more than the pings.
  const pings = setInterval(() => {
    for (const socket of sockets.clients) {
      if (!alive.delete(socket)) socket.terminate()
      else if (socket.readyState === socket.OPEN) socket.ping()
    }
  }, pingMs)

  return {
    get size() {
      return sockets.clients.size
    },
    close: async () => {
      clearInterval(pings)
      for (const socket of sockets.clients) socket.close(1001, 'Going away')
      const impatience = setTimeout(() => {
        for (const socket of sockets.clients) socket.terminate()
      }, goodbyeMs)
      await new Promise((resolve) => sockets.close(resolve))
      clearTimeout(impatience)
    },
  }
}
