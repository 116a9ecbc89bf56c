import type { ExecutionResult } from 'graphql'
import { CloseCode, type ServerOptions } from 'graphql-ws'
import type { Actor } from '../access/actor.ts'
import { AuraError, rateLimited, unauthenticated } from '../errors.ts'
import { rejected } from '../graphql/limits.ts'
import { runAs, type Work } from '../store/work.ts'
import { createTurns } from '../turns.ts'
import { type ConnectionQuota, untilOneEndsMs } from './connection-quota.ts'
import { startDeadline } from './deadline.ts'
import { whenExpired } from './expiry.ts'
import type { GraphQLServer } from './graphql.ts'
import { follow } from './live.ts'
import { type Caller, formatted, isRefused, type Operation, prepare, withoutHttp } from './operation.ts'
import { withRequest } from './request.ts'
import { senderOf } from './senders.ts'
import { type Connection, createWire, type SocketWire, tryAgainLater } from './socket-wire.ts'

/** A close reason has room for 123 bytes. */
const organizationNeeded = 'Name an organization, its id or slug: "organization" in connection_init, or the claim of the token'

/** Another type than a text is a wrong token, and not the absence of one, which would let a cookie count. */
const authorizationOf = (value: unknown): string | undefined => (value === undefined || value === null ? undefined : typeof value === 'string' ? value : '')

const credentialNeeded = 'Send "authorization": "Bearer …" in the payload of connection_init'

/** Starts what must end with the socket; returns whether it may stay open. */
async function admit({ ports }: GraphQLServer, quota: ConnectionQuota, { socket, running, identity }: Connection, actor: Actor): Promise<boolean> {
  const isClosed = (): boolean => socket.readyState === socket.CLOSED
  // It may have closed while its credential was checked, and emits that only once.
  if (socket.readyState !== socket.OPEN) return false
  const giveBack = quota.take(actor.memberId)
  if (!giveBack) {
    socket.close(tryAgainLater, 'Too many sockets')
    return false
  }
  const stopExpiry = whenExpired(actor, ports.clock, () => socket.close(CloseCode.Forbidden, 'The token expired'))
  const session = identity?.session
  const stopSession = session === undefined ? null : ports.openSessions.watch(session, () => socket.close(CloseCode.Forbidden, 'The session ended'))
  socket.once('close', () => {
    giveBack()
    stopExpiry()
    stopSession?.()
    for (const wire of running.values()) wire.stop()
  })
  const unwatch = await ports.hub.watch(actor, () => socket.close(CloseCode.Forbidden, 'The member was removed'))
  if (isClosed()) unwatch()
  else socket.once('close', unwatch)
  return true
}

/** The close code and reason for a credential that was not accepted; null leaves it to graphql-ws, which sends 4403. */
function closeFor(error: unknown): [code: number, reason: string] | null {
  const { code, field, retryAfterMs = 0 } = error instanceof AuraError ? error.extensions : {}
  if (code === 'UNAUTHENTICATED') return field === 'organization' ? [CloseCode.Forbidden, organizationNeeded] : null
  if (code === 'RATE_LIMITED') return [tryAgainLater, `Too many wrong credentials from your address: try another in ${Math.ceil(retryAfterMs / 1_000)} s`]
  return [tryAgainLater, 'Try again']
}

/** The sender of operations on this socket. */
function callerOf({ ports, admission }: GraphQLServer, connection: Connection, work: Work): Caller {
  return {
    work,
    admit: async () => {
      if (!connection.actor || !connection.identity) throw unauthenticated()
      if (connection.identity.session !== undefined) ports.openSessions.used(connection.identity.session)
      work.leaveQueue = await admission.enter(senderOf(connection.actor), work)
      return connection.identity
    },
    // The token was checked at the opening, and the socket ends with it; the member's rights are read again.
    authenticate: async () => {
      const scope = connection.actor && (await ports.hub.scopeOf(connection.actor))
      if (!connection.actor || !scope) throw unauthenticated()
      return { ...connection.actor, role: scope.role }
    },
    resumeAfter: null,
  }
}

interface SocketOperation extends Operation {
  readonly wire: SocketWire
}

export function createSocketHooks(
  graphql: GraphQLServer,
  quota: ConnectionQuota,
  options: { readonly subscriptionsPerSocket: number },
): ServerOptions<{ authorization?: string; Authorization?: string; organization?: string }, Connection> {
  const { ports } = graphql
  const turn = createTurns()

  return {
    connectionInitWaitTimeout: 3_000,
    onConnect: async ({ connectionParams, extra }) => {
      let isNamed = true
      try {
        // After a restart all reconnect at once.
        await turn()
        // In whichever place the client's library can put it; a page cannot set the header of an upgrade.
        const authorization = authorizationOf(connectionParams?.authorization ?? connectionParams?.Authorization ?? extra.authorization)
        const credential = { authorization, organization: connectionParams?.organization, session: extra.session }
        isNamed = authorization !== undefined || extra.session !== undefined
        extra.identity = await withRequest(() => ports.identify(credential), null, extra.address)
        const { identity } = extra
        extra.actor = await withRequest(() => ports.authenticateLive(identity), null, extra.address)
        const admitted = await admit(graphql, quota, extra, extra.actor)
        extra.acknowledged()
        return admitted
      } catch (error) {
        withRequest(() => graphql.mask(error), extra.actor, extra.address)
        const close: ReturnType<typeof closeFor> = isNamed ? closeFor(error) : [CloseCode.Forbidden, credentialNeeded]
        if (close) extra.socket.close(...close)
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
      const { work } = wire.deadline
      const caller = callerOf(graphql, extra, work)
      const prepared = await withRequest(() => runAs(work, () => prepare(graphql, caller, payload)), extra.actor, extra.address)
      if (isRefused(prepared)) wire.stop()
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
      // A subscription needs no deadline and no queue place.
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
