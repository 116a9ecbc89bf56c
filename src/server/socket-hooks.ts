import type { ExecutionResult } from 'graphql'
import { CloseCode, type ServerOptions } from 'graphql-ws'
import type { WebSocket } from 'ws'
import type { Actor, Identity } from '../access/actor.ts'
import { AuraError, rateLimited, unauthenticated } from '../errors.ts'
import { rejected } from '../graphql/limits.ts'
import { runAs } from '../store/work.ts'
import { type ConnectionQuota, untilOneEndsMs } from './connection-quota.ts'
import { type Deadline, startDeadline } from './deadline.ts'
import type { GraphQLServer } from './graphql.ts'
import { follow, type Wire } from './live.ts'
import { formatted, isRefused, type Operation, prepare, withoutHttp } from './operation.ts'
import { withRequest } from './request.ts'
import { senderOf } from './senders.ts'
import { createTurns } from './turns.ts'

/** The standard's code for: come back later. Clients do so by themselves, and go on from their last version. */
const tryAgainLater = 1013

/** The reason of a close has room for 123 bytes. */
const organizationNeeded = 'Name an organization, its id or slug: "organization" in connection_init, or the claim of the token'

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** What a socket's hooks know of it. */
export interface Connection {
  readonly socket: WebSocket
  /** What its credential says, and whom that means. */
  identity: Identity | null
  /** Where it comes from, as it is counted. */
  readonly address: string
  actor: Actor | null
  /** Ends the wait for the acknowledgement. */
  acknowledged(): void
  /** What runs here by its id: also what the client completed while it was being prepared, which graphql-ws knows no longer. */
  readonly running: Map<string, SocketWire>
}

/** Where the answers of one operation of a socket go. */
interface SocketWire extends Wire {
  readonly deadline: Deadline
  /** The hub writes to the socket; graphql-ws gets a stream that yields nothing, and ends with the subscription. */
  readonly stream: AsyncGenerator<never>
  /** Tells how to leave what is followed. */
  joined(leave: () => void): void
  /** Nothing more is sent, from whichever side the end comes. */
  stop(): void
}

interface SocketOperation extends Operation {
  readonly wire: SocketWire
}

function createWire({ socket, running }: Connection, id: string, deadline: Deadline): SocketWire {
  const head = `{"id":${JSON.stringify(id)},"type":"next","payload":`
  let leave: (() => void) | null = null
  let isOver = false
  let end: () => void = () => undefined
  const ended = new Promise<IteratorResult<never>>((resolve) => {
    end = () => resolve({ done: true, value: undefined })
  })
  const stop = (): void => {
    if (isOver) return
    isOver = true
    running.delete(id)
    deadline.gone()
    deadline.end()
    leave?.()
    end()
  }
  const stopped = (): Promise<IteratorResult<never>> => {
    stop()
    return ended
  }
  const stream = { [Symbol.asyncIterator]: () => stream, next: () => ended, return: stopped, throw: stopped } as unknown as AsyncGenerator<never>
  const wire: SocketWire = {
    deadline,
    stream,
    stop,
    joined: (how) => {
      leave = how
      if (isOver) how()
    },
    write: (json) => socket.send(`${head}${json}}`),
    get waitingBytes() {
      return socket.bufferedAmount
    },
    // A ping is written after everything that waits; on a socket that closes it fails.
    drained: () => new Promise((resolve) => socket.ping(undefined, undefined, (error?: Error | null) => resolve(!error && socket.readyState === socket.OPEN))),
    finish: (complete) => (complete ? stop() : socket.close(tryAgainLater, 'You read too slowly: come back and go on from your last version')),
  }
  running.set(id, wire)
  return wire
}

export function createSocketHooks(
  graphql: GraphQLServer,
  quota: ConnectionQuota,
  options: { readonly subscriptionsPerSocket: number },
): ServerOptions<{ authorization?: string; organization?: string }, Connection> {
  const { ports } = graphql
  const turn = createTurns()

  /** Whatever must end with the socket begins here. */
  async function admit({ socket, running }: Connection, actor: Actor): Promise<boolean> {
    const isClosed = (): boolean => socket.readyState === socket.CLOSED
    // It may have closed while its credential was checked, and will not say so again.
    if (socket.readyState !== socket.OPEN) return false
    const giveBack = quota.take(actor.memberId)
    if (!giveBack) {
      socket.close(4429, 'Too many sockets')
      return false
    }
    // setTimeout takes at most 2^31-1 ms; no token of ours lives that long unasked.
    const left = Math.min(actor.expiresAt.getTime() - ports.clock.now().getTime(), 2_147_483_647)
    const expiry = setTimeout(() => socket.close(CloseCode.Forbidden, 'The token expired'), Math.max(left, 0))
    socket.once('close', () => {
      giveBack()
      clearTimeout(expiry)
      for (const wire of running.values()) wire.stop()
    })
    const unwatch = await ports.hub.watch(actor, () => socket.close(CloseCode.Forbidden, 'The member was removed'))
    if (isClosed()) unwatch()
    else socket.once('close', unwatch)
    return true
  }

  return {
    connectionInitWaitTimeout: 3_000,
    onConnect: async ({ connectionParams, extra }) => {
      try {
        // After a restart all come at once.
        await turn()
        const credential = { authorization: text(connectionParams?.authorization), organization: connectionParams?.organization }
        extra.identity = await withRequest(() => ports.identify(credential), null, extra.address)
        const { identity } = extra
        extra.actor = await withRequest(() => ports.authenticateLive(identity), null, extra.address)
        const admitted = await admit(extra, extra.actor)
        extra.acknowledged()
        return admitted
      } catch (error) {
        withRequest(() => graphql.mask(error), extra.actor, extra.address)
        const { code, field, retryAfterMs = 0 } = error instanceof AuraError ? error.extensions : {}
        if (code === 'UNAUTHENTICATED') {
          if (field === 'organization') extra.socket.close(CloseCode.Forbidden, organizationNeeded)
          return false
        }
        if (code === 'RATE_LIMITED') {
          extra.socket.close(4429, `Too many wrong credentials from your address: try another in ${Math.ceil(retryAfterMs / 1_000)} s`)
          return false
        }
        extra.socket.close(tryAgainLater, 'Try again')
        return false
      }
    },
    onSubscribe: async ({ extra }, id, payload) => {
      if (extra.running.size >= options.subscriptionsPerSocket) {
        ports.metrics.rateLimited('operations_per_socket')
        const tooMany = rateLimited(`A socket may have at most ${options.subscriptionsPerSocket} operations at once.`, untilOneEndsMs)
        return [withRequest(() => graphql.mask(tooMany), extra.actor)]
      }
      if (extra.running.has(id)) return [rejected('The operation with this id has not ended yet: use another id.')]
      const wire = createWire(extra, id, startDeadline(graphql.timeoutMs))
      const { deadline } = wire
      const admit = async (): Promise<Identity> => {
        if (!extra.actor || !extra.identity) throw unauthenticated()
        deadline.work.leaveQueue = await graphql.admission.enter(senderOf(extra.actor), deadline.work)
        return extra.identity
      }
      // The token was checked when the socket opened, which ends with it; what the member may do is asked again.
      const authenticate = async (): Promise<Actor> => {
        const scope = extra.actor && (await ports.hub.scopeOf(extra.actor))
        if (!extra.actor || !scope) throw unauthenticated()
        return { ...extra.actor, role: scope.role }
      }
      const caller = { work: deadline.work, admit, authenticate, resumeAfter: null }
      const prepared = await withRequest(() => runAs(deadline.work, () => prepare(graphql, caller, payload)), extra.actor, extra.address)
      // Without a kind there is no such operation, as graphql-ws will say.
      if (isRefused(prepared) || prepared.kind === null) wire.stop()
      return isRefused(prepared) ? prepared : { ...prepared, wire }
    },
    onError: (_connection, _id, _payload, errors) => withoutHttp(errors),
    onNext: (_connection, _id, _payload, _args, result) => result.errors && formatted(result as ExecutionResult),
    execute: async (args) => {
      const operation = args as SocketOperation
      try {
        return await withRequest(() => runAs(operation.wire.deadline.work, () => operation.run(operation)), operation.contextValue.actor)
      } finally {
        operation.wire.stop()
      }
    },
    subscribe: async (args) => {
      const operation = args as SocketOperation
      const { wire } = operation
      const leave = await withRequest(() => runAs(wire.deadline.work, () => follow(graphql, operation, wire, wire.deadline.work)), operation.contextValue.actor)
      // What is followed has no end, and keeps nobody waiting.
      wire.deadline.end()
      if (isRefused(leave)) {
        wire.stop()
        return { errors: leave }
      }
      wire.joined(leave)
      return wire.stream
    },
  }
}
