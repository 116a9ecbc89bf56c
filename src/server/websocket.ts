import type { Server } from 'node:http'
import { type ExecutionResult, GraphQLError } from 'graphql'
import { CloseCode, handleProtocols } from 'graphql-ws'
import { useServer } from 'graphql-ws/use/ws'
import { type WebSocket, WebSocketServer } from 'ws'
import { AuraError } from '../errors.ts'
import { createAuthority } from '../live/authority.ts'
import type { Ports } from '../ports.ts'
import type { GraphQLServer } from './graphql.ts'
import { formatted, type Operation, prepare, withoutHttp } from './operation.ts'
import { withRequestId } from './request-id.ts'
import type { Streams } from './streams.ts'

export interface SocketLimits {
  readonly subscriptionsPerSocket: number
  readonly messagesPerMinute: number
  readonly frameBytes: number
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** Counts the messages of one socket and closes it when a minute brings more than allowed. */
function limitMessages(socket: WebSocket, perMinute: number): void {
  let minute = 0
  let messages = 0
  socket.on('message', () => {
    const now = Math.floor(performance.now() / 60_000)
    messages = now === minute ? messages + 1 : 1
    minute = now
    if (messages > perMinute) socket.close(4429, 'Too many messages')
  })
}

/** GraphQL over WebSocket (`graphql-transport-ws`) at `/graphql`, with the same preparation as over HTTP. */
export function attachWebSocket(
  server: Server,
  graphql: GraphQLServer,
  streams: Streams,
  ports: Pick<Ports, 'authenticate' | 'clock' | 'hub' | 'members' | 'log'>,
  options: SocketLimits & { allowedOrigins: readonly string[] },
): { close(): Promise<void> } {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: options.frameBytes,
    perMessageDeflate: false,
    handleProtocols: (protocols) => handleProtocols(protocols),
  })
  const authority = createAuthority(ports.hub, ports.members, ports.log)

  server.on('upgrade', (request, socket, head) => {
    const refuse = (status: string): void => void socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    if ((request.url ?? '').split('?', 1)[0] !== '/graphql') return refuse('404 Not Found')
    const { origin, host } = request.headers
    const own = origin === `http://${host}` || origin === `https://${host}`
    if (origin !== undefined && !own && !options.allowedOrigins.includes(origin)) return refuse('403 Forbidden')
    sockets.handleUpgrade(request, socket, head, (opened) => {
      limitMessages(opened, options.messagesPerMinute)
      sockets.emit('connection', opened, request)
    })
  })

  const protocol = useServer<{ authorization?: string; organization?: string }>(
    {
      connectionInitWaitTimeout: 3_000,
      onConnect: async ({ connectionParams, extra }) => {
        const { socket } = extra
        const actor = await ports
          .authenticate({ authorization: text(connectionParams?.authorization), organization: text(connectionParams?.organization) })
          .catch((error: unknown) => {
            if (error instanceof AuraError) return null
            throw error
          })
        if (!actor) return false
        const giveBack = streams.open(actor.memberId)
        if (!giveBack) {
          socket.close(4429, 'Too many sockets')
          return false
        }
        // setTimeout takes at most 2^31-1 ms; no token of ours lives that long unasked.
        const left = Math.min(actor.expiresAt.getTime() - ports.clock.now().getTime(), 2_147_483_647)
        const expiry = setTimeout(() => socket.close(CloseCode.Forbidden, 'The token expired'), Math.max(left, 0))
        const unwatch = authority.watch(actor, () => socket.close(CloseCode.Forbidden, 'The member was removed'))
        socket.once('close', () => {
          clearTimeout(expiry)
          unwatch()
          giveBack()
        })
        return true
      },
      onSubscribe: async (connection, _id, payload) => {
        if (Object.keys(connection.subscriptions).length > options.subscriptionsPerSocket) {
          return [new GraphQLError(`A socket may have at most ${options.subscriptionsPerSocket} operations at once.`, { extensions: { code: 'RATE_LIMITED' } })]
        }
        const credential = { authorization: text(connection.connectionParams?.authorization), organization: text(connection.connectionParams?.organization) }
        return await prepare(graphql, credential, payload)
      },
      onError: (_connection, _id, _payload, errors) => withoutHttp(errors),
      onNext: (_connection, _id, _payload, _args, result) => result.errors && formatted(result as ExecutionResult),
      execute: (args) => withRequestId(() => (args as Operation).run.execute(args)),
      subscribe: (args) => withRequestId(() => (args as Operation).run.subscribe(args)),
    },
    sockets,
    12_000,
  )
  return {
    close: async () => {
      await protocol.dispose()
    },
  }
}
