import { createServer, type IncomingMessage, type Server } from 'node:http'
import { printSchema } from '../api/print-schema.ts'
import type { AddressOf } from './addresses.ts'
import { answerJson } from './body.ts'
import { idFields, keepOnlyKnownIds, withRequest } from './request.ts'
import type { LeanRoute, Otherwise, Route } from './route.ts'
import { asksForWebSocket, serveWithoutUpgrade } from './upgrades.ts'

export interface Health {
  /** Null when the process serves, else what is wrong. */
  problem(): Promise<string | null>
  /** How many ACTIVE keys use each pepper, if there are several. */
  keysPerPepper(): Readonly<Record<string, number>> | null
  /** Problems while it still serves. */
  warnings(): string[]
}

/** A read-only route. */
const reading =
  (answer: Route): Route =>
  (request, response) => {
    if (request.method === 'GET' || request.method === 'HEAD') return answer(request, response)
    answerJson(response, 405, { error: 'There is nothing here.' })
  }

/** The routes of every process. */
export function commonRoutes(health: Health, metrics: { readonly contentType: string; text(): Promise<string> }): Readonly<Record<string, Route>> {
  const warnings = (): { warnings?: string[] } => {
    const found = health.warnings()
    return found.length > 0 ? { warnings: found } : {}
  }
  const peppers = (): object => {
    const keysPerPepper = health.keysPerPepper()
    return keysPerPepper ? { keysPerPepper } : {}
  }
  return {
    '/healthz': reading((_request, response) => answerJson(response, 200, { status: 'ok', ...warnings() })),
    '/readyz': reading(async (_request, response) => {
      const problem = await health.problem()
      answerJson(response, problem === null ? 200 : 503, {
        ...(problem === null ? { status: 'ready' } : { status: 'not ready', problem }),
        ...peppers(),
        ...warnings(),
      })
    }),
    '/metrics': async (request, response) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') return answerJson(response, 404, { error: 'There is nothing here.' })
      response.writeHead(200, { 'content-type': metrics.contentType }).end(await metrics.text())
    },
  }
}

/** The schema as text, for clients that generate code. */
export function schemaRoute(): Route {
  const sdl = printSchema()
  return reading((_request, response) => void response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(sdl))
}

const pathOf = ({ url = '/' }: IncomingMessage): string => {
  const end = url.indexOf('?')
  return end < 0 ? url : url.slice(0, end)
}

/** In milliseconds. */
const timeouts = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 2_000 }

interface HttpOptions {
  readonly addressOf: AddressOf
  readonly isFromProxy: (request: IncomingMessage) => boolean
  /** How long idle connections stay, in milliseconds. */
  readonly keepAliveMs: number
}

/** Node's own HTTP server; routes match by exact path, but for those of the portal's page. `lean` routes run thousands of times a second: they match first and skip the rest. */
export function createHttpServer(
  routes: Readonly<Record<string, Route>>,
  lean: ReadonlyMap<string, LeanRoute>,
  { addressOf, isFromProxy, keepAliveMs }: HttpOptions,
): Server {
  const known = new Map(Object.entries(routes))
  const handle: Route = (request, response) => {
    const path = pathOf(request)
    // The page has paths of its own below this one.
    const route = known.get(path) ?? (path.startsWith('/portal/') ? known.get('/portal/') : undefined)
    if (route) return route(request, response)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    answerJson(response, 404, { error: isRead && known.has('/graphql') ? 'There is nothing here. GraphQL is at /graphql.' : 'There is nothing here.' })
  }
  const serve: Otherwise = (request, response, route = handle) => {
    const handled = async (): Promise<void> => {
      const fields = idFields(request)
      for (let at = 0; at < fields.length; at += 2) response.setHeader(String(fields[at]), String(fields[at + 1]))
      response.setHeader('cache-control', 'no-store')
      response.setHeader('x-content-type-options', 'nosniff')
      await route(request, response)
    }
    withRequest(handled, null, addressOf(request), request).catch(() => {
      if (!response.headersSent) answerJson(response, 500, { error: 'Something failed on our side.' })
      else response.destroy()
    })
  }
  const server = createServer({ ...timeouts, keepAliveTimeout: keepAliveMs }, (request, response) => {
    keepOnlyKnownIds(request, isFromProxy)
    const route = lean.get(pathOf(request))
    if (route) route(request, response, serve)
    else serve(request, response)
  })
  server.on('upgrade', (request, socket, rest) => {
    // A process without sockets has no other listener.
    if (!asksForWebSocket(request) || server.listenerCount('upgrade') === 1) serveWithoutUpgrade(server, request, socket, rest)
  })
  server.maxConnections = 20_000
  return server
}
