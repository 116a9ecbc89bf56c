import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GraphQLError } from 'graphql'
import type { Identity } from '../access/actor.ts'
import { rateLimited } from '../errors.ts'
import { rejected } from '../graphql/limits.ts'
import { runAs } from '../store/work.ts'
import { type ConnectionQuota, untilOneEndsMs } from './connection-quota.ts'
import { type Deadline, startDeadline } from './deadline.ts'
import { statusOf } from './error-status.ts'
import { whenExpired } from './expiry.ts'
import { admit, type GraphQLServer } from './graphql.ts'
import { follow, type Wire } from './live.ts'
import { type Caller, formatted, isRefused, type Operation, prepare, withoutHttp } from './operation.ts'
import { type OperationRequest, readOperation } from './operation-request.ts'

/** Something is sent at least this often, so that proxies keep the stream open and a dead client is noticed. */
const keepAliveMs = 12_000

export interface EventStreams {
  /** `body`: the text of a POST. `identified`: the sender, from the credential. */
  answer(request: IncomingMessage, response: ServerResponse, body: string, identified: Promise<Identity>): Promise<void>
  /** How many are open. */
  readonly size: number
  /** Ends all streams without a complete event: clients reconnect to another node. */
  close(): void
}

function refuse(response: ServerResponse, status: number, errors: readonly GraphQLError[]): void {
  const { headers } = (errors[0]?.extensions['http'] ?? {}) as { headers?: Record<string, string> }
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers }).end(JSON.stringify({ errors: withoutHttp(errors) }))
}

/** Writes events to a response. */
function createWire(response: ServerResponse): Wire & { readonly fellBehind: boolean } {
  let fellBehind = false
  let draining: Promise<boolean> | null = null
  // It may end before the hub knows; a write after that is an error that ends the process.
  const isOver = (): boolean => response.writableEnded || response.destroyed
  return {
    get fellBehind() {
      return fellBehind
    },
    write: (json, version) => {
      if (isOver()) return
      response.write(`event: next\n${version === null ? '' : `id: ${version}\n`}data: ${json}\n\n`)
    },
    get waitingBytes() {
      return response.writableLength
    },
    // All callers share one wait.
    drained: () => {
      draining ??= new Promise<boolean>((resolve) => {
        const answer = (isThere: boolean) => (): void => {
          response.off('drain', read).off('close', gone)
          draining = null
          resolve(isThere && !isOver())
        }
        const [read, gone] = [answer(true), answer(false)]
        if (isOver()) setImmediate(gone)
        else if (!response.writableNeedDrain) setImmediate(read)
        else response.on('drain', read).on('close', gone)
      })
      return draining
    },
    // Without the complete event a client reconnects by itself, with its last version.
    finish: (complete) => {
      if (!complete) {
        fellBehind = true
        response.destroy()
      } else if (!response.writableEnded) response.end('event: complete\ndata:\n\n')
    },
  }
}

/** Writes a comment regularly; disconnects a client that reads nothing between two comments. Returns a function to stop that. */
function keepAlive(response: ServerResponse): () => void {
  let isStuck = false
  const comments = setInterval(() => {
    if (response.writableEnded || (response.writableNeedDrain && isStuck)) response.destroy()
    else if (!response.writableNeedDrain) response.write(':\n\n')
    isStuck = response.writableNeedDrain
  }, keepAliveMs)
  return () => clearInterval(comments)
}

/** Returns once the stream has begun, or has its only answer. */
async function stream(
  graphql: GraphQLServer,
  prepared: Operation,
  response: ServerResponse,
  { deadline, over, session }: { deadline: Deadline; over: Promise<void>; session: string | undefined },
): Promise<void> {
  const { clock, metrics, openSessions } = graphql.ports
  const wire = createWire(response)
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' })
  response.write(':\n\n')
  if (prepared.kind !== 'subscription') {
    wire.write(JSON.stringify(formatted(await prepared.run(prepared))), null)
    deadline.end()
    return wire.finish(true)
  }
  const leave = await follow(graphql, prepared, wire, deadline.work)
  // A subscription needs no deadline and no queue place.
  deadline.end()
  if (isRefused(leave)) {
    wire.write(JSON.stringify({ errors: withoutHttp(leave) }), null)
    return wire.finish(true)
  }
  const ends = [whenExpired(prepared.contextValue.actor, clock, () => wire.finish(true)), keepAlive(response), leave]
  if (session !== undefined) ends.push(openSessions.watch(session, () => wire.finish(true)))
  void over.then(() => {
    for (const end of ends) end()
    metrics.closed(response.writableFinished ? 'stream_complete' : wire.fellBehind ? 'stream_behind' : 'stream_gone')
  })
}

/**
 * Server-sent events, prepared as on the other transports. Each event has the version of its content as its id, and
 * `Last-Event-ID` continues from there.
 */
export function createEventStreams(graphql: GraphQLServer, quota: ConnectionQuota): EventStreams {
  const { ports } = graphql
  const open = new Set<ServerResponse>()

  async function answer(request: IncomingMessage, response: ServerResponse, body: string, identified: Promise<Identity>): Promise<void> {
    // Before any await: the response closes once, and may do so at any time.
    const over = new Promise<void>((resolve) => response.once('close', resolve))
    if (response.destroyed) return
    const operation = readOperation(request, body)
    if (typeof operation === 'string') return refuse(response, 400, [rejected(operation)])
    const { headers } = request
    const lastEventId = headers['last-event-id'] ?? ''
    if (typeof lastEventId !== 'string' || !/^\d{0,15}$/.test(lastEventId)) {
      return refuse(response, 400, [rejected('Last-Event-ID must be the id of an event of this stream: a version.')])
    }
    const deadline = startDeadline(graphql.timeoutMs)
    response.once('close', deadline.gone)
    const caller = {
      work: deadline.work,
      admit: () => admit(graphql, identified),
      authenticate: ports.authenticateLive,
      resumeAfter: lastEventId === '' ? null : BigInt(lastEventId),
    }
    try {
      const session = (await identified.catch(() => null))?.session
      await runAs(deadline.work, () => answerPrepared(request, response, { caller, operation, deadline, over, session }))
    } finally {
      deadline.end()
    }
  }

  async function answerPrepared(
    request: IncomingMessage,
    response: ServerResponse,
    {
      caller,
      operation,
      deadline,
      over,
      session,
    }: { caller: Caller; operation: OperationRequest; deadline: Deadline; over: Promise<void>; session: string | undefined },
  ): Promise<void> {
    const prepared = await prepare(graphql, caller, operation)
    if (response.destroyed) return
    if (isRefused(prepared)) return refuse(response, statusOf(prepared[0]?.extensions['code']), prepared)
    if (request.method === 'GET' && prepared.kind === 'mutation') return refuse(response, 405, [rejected('Send mutations by POST.')])
    const giveBack = quota.take(prepared.contextValue.actor.memberId)
    if (!giveBack) {
      ports.metrics.rateLimited('streams_per_member')
      const tooMany = rateLimited('You have as many streams and sockets open as you may. Close one first.', untilOneEndsMs)
      return refuse(response, 429, [graphql.mask(tooMany)])
    }
    open.add(response)
    void over.then(() => {
      open.delete(response)
      giveBack()
    })
    await stream(graphql, prepared, response, { deadline, over, session })
  }

  return {
    answer,
    get size() {
      return open.size
    },
    close: () => {
      for (const response of open) response.end()
    },
  }
}
