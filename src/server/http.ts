import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { printSchema } from '../graphql/print-schema.ts'
import type { VerificationRoute } from '../verification/http.ts'
import { answerJson, readBody } from './body.ts'
import type { EventsRoute } from './events.ts'
import { type GraphQLServer, maxBodyBytes } from './graphql.ts'
import { isKnownOrigin } from './origins.ts'
import { withRequest } from './request.ts'

/** A refusal in the form of a GraphQL answer, for what never reaches GraphQL. */
function reject(response: ServerResponse, status: number, message: string, headers: Readonly<Record<string, string>> = {}): void {
  answerJson(response, status, { errors: [{ message, extensions: { code: 'QUERY_REJECTED' } }] }, headers)
}

const isJson = (type: string | undefined): boolean => /^application\/(graphql\+)?json(\s*;\s*charset="?utf-?8"?)?\s*$/i.test(type ?? '')

/** Checks what GraphQL over HTTP must have before anything of it is read; answers and returns false where it has not. */
function admissible(request: IncomingMessage, response: ServerResponse): boolean {
  const { method, headers } = request
  if (Number(headers['content-length'] ?? 0) > maxBodyBytes) reject(response, 413, `The body may have at most ${maxBodyBytes} bytes.`, { connection: 'close' })
  else if (method === 'OPTIONS') return true
  else if (method !== 'GET' && method !== 'POST') reject(response, 405, 'Use POST, or GET for queries.', { allow: 'GET, POST, OPTIONS' })
  else if (method === 'POST' && headers['content-encoding'] !== undefined) reject(response, 415, 'Send the body without a content encoding.')
  else if (method === 'POST' && !isJson(headers['content-type'])) reject(response, 415, 'Send JSON with the header "content-type: application/json".')
  else if (method === 'GET' && headers['content-type'] !== undefined) reject(response, 415, 'A GET has no body: send no content-type.')
  else if (method === 'GET' && headers['x-graphql-csrf'] !== '1' && !/text\/html/.test(headers.accept ?? '')) {
    reject(response, 400, 'A GET needs the header "x-graphql-csrf: 1".')
  } else return true
  return false
}

export interface Health {
  /** Null when the process serves, else what is wrong. */
  problem(): Promise<string | null>
  /** What is wrong although it serves. */
  warnings(): string[]
}

/** Node's own HTTP server with every route by its exact path. */
export function createHttpServer(routes: {
  graphql: GraphQLServer
  events: EventsRoute
  verification: VerificationRoute
  health: Health
  metrics: { readonly contentType: string; text(): Promise<string> }
  production: boolean
  allowedOrigins: readonly string[]
  addressOf: (request: IncomingMessage) => string
}): Server {
  const sdl = printSchema()
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (request.url ?? '/').split('?', 1)[0]
    if (path === '/graphql') {
      if (!admissible(request, response)) return
      if (request.method === 'GET' && routes.production && /text\/html/.test(request.headers.accept ?? '') && request.headers['x-graphql-csrf'] !== '1') {
        return reject(response, 400, 'A GET needs the header "x-graphql-csrf: 1".')
      }
      let body = ''
      if (request.method === 'POST') {
        const read = await readBody(request, maxBodyBytes)
        if ('error' in read) return reject(response, read.status, read.error, { connection: 'close' })
        if (read.text === '') return reject(response, 400, 'The body is empty: send {"query": "…"} as JSON.')
        body = read.text
      }
      if (request.method !== 'OPTIONS' && /text\/event-stream/.test(request.headers.accept ?? '')) {
        const { origin } = request.headers
        if (!isKnownOrigin(request.headers, routes.allowedOrigins))
          return reject(response, 403, 'Pages of this origin may not read events here: see ALLOWED_ORIGINS.')
        if (origin !== undefined && routes.allowedOrigins.includes(origin))
          response.setHeader('access-control-allow-origin', origin).setHeader('vary', 'origin')
        await routes.events.answer(request, response, body)
      } else await routes.graphql.yoga(Object.assign(request, { body }), response)
    } else if (path === '/v1/verify') {
      await routes.verification(request, response)
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      answerJson(response, path === '/schema.graphql' || path === '/healthz' || path === '/readyz' ? 405 : 404, { error: 'There is nothing here.' })
    } else if (path === '/schema.graphql') {
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(sdl)
    } else if (path === '/healthz') {
      const warnings = routes.health.warnings()
      answerJson(response, 200, { status: 'ok', ...(warnings.length > 0 ? { warnings } : {}) })
    } else if (path === '/readyz') {
      const problem = await routes.health.problem()
      const warnings = routes.health.warnings()
      const state = problem === null ? { status: 'ready' } : { status: 'not ready', problem }
      answerJson(response, problem === null ? 200 : 503, { ...state, ...(warnings.length > 0 ? { warnings } : {}) })
    } else if (path === '/metrics') {
      response.writeHead(200, { 'content-type': routes.metrics.contentType }).end(await routes.metrics.text())
    } else {
      answerJson(response, 404, { error: 'There is nothing here. GraphQL is at /graphql.' })
    }
  }
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 2_000 }, (request, response) => {
    const handled = (id: string): void => {
      response.setHeader('x-request-id', id)
      response.setHeader('cache-control', 'no-store')
      response.setHeader('x-content-type-options', 'nosniff')
      handle(request, response).catch(() => {
        if (!response.headersSent) answerJson(response, 500, { error: 'Something failed on our side.' })
        else response.destroy()
      })
    }
    withRequest(handled, null, routes.addressOf(request))
  })
  server.maxConnections = 20_000
  return server
}
