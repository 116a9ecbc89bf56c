import type { IncomingMessage, Server } from 'node:http'
import { type ExecutionResult, GraphQLError } from 'graphql'
import { CloseCode, handleProtocols, makeServer, type ServerOptions } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Actor } from '../access/actor.ts'
import { AuraError, unauthenticated } from '../errors.ts'
import type { GraphQLServer } from './graphql.ts'
import { follow, type Wire } from './live.ts'
import { formatted, isRefused, type Operation, prepare, withoutHttp } from './operation.ts'
import { withRequest } from './request.ts'
import type { Streams } from './streams.ts'

export interface SocketLimits {
  readonly subscriptionsPerSocket: number
  readonly messagesPerMinute: number
  readonly frameBytes: number
}

/** A socket that has not answered the last ping by the next one is dead: noticed within twice this time. */
const pingMs = 12_000
/** From the opening to the acknowledgement, however the database answers. */
const openingMs = 4_500
/** How long a client may take to answer the goodbye when the server stops. */
const goodbyeMs = 3_000
const maxFragments = 64
/** Answers that a client asked for and does not read. */
const maxUnreadBytes = 4_000_000
/** The standard's code for: come back later. Clients do so by themselves, and go on from their last version. */
const tryAgainLater = 1013

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** What a socket's hooks know of it. */
interface Connection {
  readonly socket: WebSocket
  actor: Actor | null
  /** Ends the wait for the acknowledgement. */
  acknowledged(): void
}

/** A subscription's operation with the wire that it is answered on. */
interface SocketOperation extends Operation {
  readonly wire: Wire & { readonly stream: AsyncGenerator<never>; left: () => void }
}

/** The hub writes to the socket; graphql-ws gets a stream that yields nothing, and ends with the subscription. */
function createWire(socket: WebSocket, id: string): SocketOperation['wire'] {
  const head = `{"id":${JSON.stringify(id)},"type":"next","payload":`
  let end: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const leave = async (): Promise<IteratorResult<never>> => {
    end()
    wire.left()
    return { done: true, value: undefined }
  }
  const stream = {
    [Symbol.asyncIterator]: () => stream,
    next: () => ended.then(leave),
    return: leave,
    throw: leave,
  } as unknown as AsyncGenerator<never>
  const wire = {
    stream,
    left: (): void => undefined,
    write: (json: string) => socket.send(`${head}${json}}`),
    get waitingBytes() {
      return socket.bufferedAmount
    },
    // A ping is written after everything that waits.
    drained: () => new Promise<void>((resolve) => socket.ping(undefined, undefined, () => resolve())),
    finish: (complete: boolean) => (complete ? end() : socket.close(tryAgainLater, 'You read too slowly: come back and go on from your last version')),
  }
  return wire
}

/** Counts the messages of one socket and closes it when a minute brings more than allowed, or when its answers are not read. */
function limitMessages(socket: WebSocket, perMinute: number): void {
  let minute = 0
  let messages = 0
  socket.on('message', () => {
    const now = Math.floor(performance.now() / 60_000)
    messages = now === minute ? messages + 1 : 1
    minute = now
    if (messages > perMinute) socket.close(4429, 'Too many messages')
    if (socket.bufferedAmount > maxUnreadBytes) socket.terminate()
  })
}

type Hooks = ServerOptions<{ authorization?: string; organization?: string }, Connection>

function createHooks(graphql: GraphQLServer, streams: Streams, options: SocketLimits): Hooks {
  const { ports } = graphql

  /** Whatever must end with the socket begins here. */
  async function admit({ socket }: Connection, actor: Actor): Promise<boolean> {
    const giveBack = streams.open(actor.memberId)
    if (!giveBack) {
      socket.close(4429, 'Too many sockets')
      return false
    }
    socket.once('close', giveBack)
    // setTimeout takes at most 2^31-1 ms; no token of ours lives that long unasked.
    const left = Math.min(actor.expiresAt.getTime() - ports.clock.now().getTime(), 2_147_483_647)
    const expiry = setTimeout(() => socket.close(CloseCode.Forbidden, 'The token expired'), Math.max(left, 0))
    socket.once('close', () => clearTimeout(expiry))
    const unwatch = await ports.hub.watch(actor, () => socket.close(CloseCode.Forbidden, 'The member was removed'))
    if (socket.readyState !== socket.OPEN) unwatch()
    else socket.once('close', unwatch)
    return true
  }

  return {
    connectionInitWaitTimeout: 3_000,
    onConnect: async ({ connectionParams, extra }) => {
      try {
        extra.actor = await ports.authenticateLive({ authorization: text(connectionParams?.authorization), organization: text(connectionParams?.organization) })
        const admitted = await admit(extra, extra.actor)
        extra.acknowledged()
        return admitted
      } catch (error) {
        graphql.mask(error)
        if (error instanceof AuraError && error.extensions.code === 'UNAUTHENTICATED') return false
        extra.socket.close(tryAgainLater, 'Try again')
        return false
      }
    },
    onSubscribe: async ({ subscriptions, connectionParams, extra }, id, payload) => {
      if (Object.keys(subscriptions).length > options.subscriptionsPerSocket) {
        return [new GraphQLError(`A socket may have at most ${options.subscriptionsPerSocket} operations at once.`, { extensions: { code: 'RATE_LIMITED' } })]
      }
      const credential = { authorization: text(connectionParams?.authorization), organization: text(connectionParams?.organization) }
      // The token was checked when the socket opened, which ends with it; what the member may do is asked again.
      const authenticate = async (): Promise<Actor> => {
        const scope = extra.actor && (await ports.hub.scopeOf(extra.actor))
        if (!extra.actor || !scope) throw unauthenticated()
        return { ...extra.actor, role: scope.role }
      }
      const prepared = await withRequest(() => prepare(graphql, { credential, authenticate, resumeAfter: null }, payload), extra.actor)
      return isRefused(prepared) ? prepared : { ...prepared, wire: createWire(extra.socket, id) }
    },
    onError: (_connection, _id, _payload, errors) => withoutHttp(errors),
    onNext: (_connection, _id, _payload, _args, result) => result.errors && formatted(result as ExecutionResult),
    execute: (args) => {
      const operation = args as Operation
      return withRequest(() => operation.run(args), operation.contextValue.actor)
    },
    subscribe: async (args) => {
      const operation = args as SocketOperation
      const { wire } = operation
      const leave = await withRequest(() => follow(graphql, operation, wire), operation.contextValue.actor)
      if (isRefused(leave)) return { errors: leave }
      wire.left = leave
      return wire.stream
    },
  }
}

/** GraphQL over WebSocket (`graphql-transport-ws`) at `/graphql`, with the same preparation as over HTTP. */
export function attachWebSocket(
  server: Server,
  graphql: GraphQLServer,
  streams: Streams,
  options: SocketLimits & { allowedOrigins: readonly string[] },
): { readonly size: number; close(): Promise<void> } {
  const { log, metrics } = graphql.ports
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: options.frameBytes,
    maxFragments,
    perMessageDeflate: false,
    handleProtocols: (protocols) => handleProtocols(protocols),
  })
  const protocol = makeServer(createHooks(graphql, streams, options))
  const alive = new WeakSet<WebSocket>()

  function opened(socket: WebSocket): void {
    limitMessages(socket, options.messagesPerMinute)
    // Too large a frame, say: ws closes the socket with the code for it.
    socket.on('error', () => undefined)
    socket.on('pong', () => alive.add(socket))
    alive.add(socket)
    const impatience = setTimeout(() => socket.close(4408, 'Opening took too long'), openingMs)
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        send: (data) =>
          new Promise((resolve, reject) => {
            if (socket.readyState !== socket.OPEN) resolve()
            else socket.send(data, (error) => (error ? reject(error) : resolve()))
          }),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (take) =>
          socket.on('message', (data) => {
            take(String(data)).catch((error: Error) => {
              if (socket.readyState === socket.OPEN) log.error({ error: error.name }, 'a message of a socket failed')
              socket.close(CloseCode.InternalServerError, 'Internal server error')
            })
          }),
      },
      { socket, actor: null, acknowledged: () => clearTimeout(impatience) },
    )
    socket.once('close', (code, reason) => {
      clearTimeout(impatience)
      metrics.closed(String(code))
      void closed(code, String(reason))
    })
  }

  server.on('upgrade', (request: IncomingMessage, socket, head) => {
    const refuse = (status: string): void => void socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    if ((request.url ?? '').split('?', 1)[0] !== '/graphql') return refuse('404 Not Found')
    const { origin, host } = request.headers
    const own = origin === `http://${host}` || origin === `https://${host}`
    if (origin !== undefined && !own && !options.allowedOrigins.includes(origin)) return refuse('403 Forbidden')
    sockets.handleUpgrade(request, socket, head, opened)
  })

  // One timer for all sockets: ten thousand of their own would cost more than the pings.
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
