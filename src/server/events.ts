import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ExecutionResult, GraphQLError } from 'graphql'
import type { Context } from '../graphql/context.ts'
import { type GraphQLServer, maxBodyBytes } from './graphql.ts'
import { formatted, isRefused, kindOf, type OperationRequest, prepare, withoutHttp } from './operation.ts'
import type { Streams } from './streams.ts'

/** Something goes over the line at least this often, so that proxies leave it open and a dead peer is noticed. */
const keepAliveMs = 12_000

export type EventsRoute = (request: IncomingMessage, response: ServerResponse) => Promise<void>

function refuse(response: ServerResponse, status: number, errors: readonly GraphQLError[]): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify({ errors: withoutHttp(errors) }))
}

const statuses: Readonly<Record<string, number>> = { UNAUTHENTICATED: 401, UNAVAILABLE: 503, INTERNAL: 500 }

const rejected = (message: string): GraphQLError => new GraphQLError(message, { extensions: { code: 'QUERY_REJECTED' } })

/** The operation of a request; a string says what is wrong with it, null that it was too long. */
async function readOperation(request: IncomingMessage): Promise<OperationRequest | string | null> {
  if (request.method === 'GET') {
    const search = new URL(request.url ?? '', 'http://localhost').searchParams
    return parseOperation(JSON.stringify({ query: search.get('query'), operationName: search.get('operationName') }), search.get('variables'))
  }
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length
    if (size > maxBodyBytes) return null
    parts.push(part)
  }
  return parseOperation(Buffer.concat(parts).toString('utf8'), null)
}

function parseOperation(text: string, variables: string | null): OperationRequest | string {
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body !== 'object' || body === null || Array.isArray(body)) return 'The body must be one operation.'
    const operation = { ...body, ...(variables === null ? {} : { variables: JSON.parse(variables) as unknown }) } as OperationRequest
    if (typeof operation.query !== 'string') return 'Must provide query string.'
    const given = operation.variables ?? null
    if (given !== null && (typeof given !== 'object' || Array.isArray(given))) return 'Variables must be an object.'
    return operation
  } catch {
    return 'The request holds no valid JSON.'
  }
}

/**
 * Server-sent events: the same preparation as on the other transports. Each event has the version of its content as its id, and
 * `Last-Event-ID` goes on from there. The next event is taken only when the last one went out: a slow reader costs one event of memory.
 */
export function createEventsRoute(graphql: GraphQLServer, streams: Streams): EventsRoute {
  return async (request, response) => {
    const operation = await readOperation(request)
    if (operation === null) return refuse(response, 413, [rejected(`The body may have at most ${maxBodyBytes} bytes.`)])
    if (typeof operation === 'string') return refuse(response, 400, [rejected(operation)])
    const { headers } = request
    const organization = headers['x-aura-organization']
    const lastEventId = headers['last-event-id']
    const prepared = await prepare(
      graphql,
      {
        authorization: headers.authorization,
        organization: typeof organization === 'string' ? organization : undefined,
        resumeAfter: typeof lastEventId === 'string' && /^\d{1,15}$/.test(lastEventId) ? BigInt(lastEventId) : null,
      },
      operation,
    )
    if (isRefused(prepared)) {
      const status = statuses[String(prepared[0]?.extensions['code'])] ?? 400
      return refuse(response, status, prepared)
    }
    if (request.method === 'GET' && kindOf(prepared) === 'mutation') return refuse(response, 405, [rejected('Send mutations by POST.')])
    const context = prepared.contextValue as Context
    const giveBack = streams.open(context.actor.memberId)
    if (!giveBack) {
      const tooMany = new GraphQLError('You have as many streams and sockets open as you may. Close one first.', { extensions: { code: 'RATE_LIMITED' } })
      return refuse(response, 429, [tooMany])
    }
    try {
      const opened = kindOf(prepared) === 'subscription' ? await prepared.run.subscribe(prepared) : await prepared.run.execute(prepared)
      await write(response, Symbol.asyncIterator in opened ? opened : single(opened), context)
    } finally {
      giveBack()
    }
  }
}

async function* single(result: ExecutionResult): AsyncGenerator<ExecutionResult> {
  yield result
}

/** Writes events until the source ends or the client leaves. */
async function write(response: ServerResponse, results: AsyncIterableIterator<ExecutionResult>, context: Context): Promise<void> {
  const left = new Promise<void>((resolve) => response.once('close', resolve))
  const gone = left.then(() => ({ done: true as const, value: undefined }))
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' })
  response.write(':\n\n')
  const keepAlive = setInterval(() => response.writableNeedDrain || response.write(':\n\n'), keepAliveMs)
  try {
    for (;;) {
      const next = await Promise.race([results.next(), gone])
      if (next.done) break
      const id = context.delivered === null ? '' : `id: ${context.delivered}\n`
      const text = `event: next\n${id}data: ${JSON.stringify(formatted(next.value))}\n\n`
      if (!response.write(text)) await Promise.race([once(response, 'drain'), left])
    }
    response.end('event: complete\ndata:\n\n')
  } finally {
    clearInterval(keepAlive)
    await results.return?.()
  }
}
