import type { IncomingMessage, ServerResponse } from 'node:http'

/** Answers the requests of one path. */
export type Route = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void

/** Handles a request with the steps that all other routes share, by `route` if one is given. */
export type Otherwise = (request: IncomingMessage, response: ServerResponse, route?: Route) => void

/** A route that matches before all others and skips the shared steps: it has no request context. What it does not answer it gives to `otherwise`. */
export type LeanRoute = (request: IncomingMessage, response: ServerResponse, otherwise: Otherwise) => void
