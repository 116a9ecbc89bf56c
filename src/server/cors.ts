import type { IncomingMessage, ServerResponse } from 'node:http'
import { LRUCache } from 'lru-cache'
import type { Log } from '../ports.ts'
import { answerJson } from './body.ts'
import { isAllowedOrigin, isKnownOrigin, type Origins } from './origins.ts'

/** Origins whose refusal was logged; one of many others may be logged again. */
const maxToldOrigins = 1_000
/** The longest list of headers that a preflight may ask for. */
const maxHeadersLength = 1_000
/** Browsers keep the answer to a preflight this long, in seconds; none keeps it for longer than two hours. */
const preflightSeconds = 7_200

export interface Cors {
  /** Sets the headers of a response, whatever it will be; answers preflights itself. Returns whether it answered. */
  answered(request: IncomingMessage, response: ServerResponse): boolean
  /** Logs each refused origin once, with the setting that would allow it. */
  refused(request: IncomingMessage): void
}

export const refusedOrigin = 'Pages of this origin may not call this server: see its setting ALLOWED_ORIGINS.'

/** Lets pages of the allowed origins read each response: a browser hides one without these headers from its page, errors too. No cookie counts for them. */
export function createCors(origins: Origins, log: Log): Cors {
  const told = new LRUCache<string, true>({ max: maxToldOrigins })
  const refused = ({ headers: { origin = '', host } }: IncomingMessage): void => {
    const text = origin.slice(0, 300)
    if (told.has(text)) return
    told.set(text, true)
    log.warn({ origin: text, host: host?.slice(0, 300) }, 'a page of this origin was refused: see ALLOWED_ORIGINS, and PUBLIC_URL if it is our own')
  }
  return {
    refused,
    answered: (request, response) => {
      const { headers, method } = request
      const { origin } = headers
      response.setHeader('vary', 'Origin')
      const isAllowed = origin !== undefined && isAllowedOrigin(origin, origins)
      if (isAllowed) response.setHeader('access-control-allow-origin', origin).setHeader('access-control-expose-headers', 'x-request-id, retry-after')
      else if (!isKnownOrigin(headers, origins)) refused(request)
      if (method !== 'OPTIONS') return false
      const wanted = headers['access-control-request-headers'] ?? ''
      if (origin !== undefined && !isKnownOrigin(headers, origins)) answerJson(response, 403, { error: refusedOrigin })
      else {
        if (isAllowed && wanted.length <= maxHeadersLength) {
          response
            .setHeader('access-control-allow-methods', 'GET, POST')
            .setHeader('access-control-allow-headers', wanted === '' ? 'authorization, content-type' : wanted)
            .setHeader('access-control-max-age', String(preflightSeconds))
        }
        response.writeHead(204, { allow: 'GET, POST, OPTIONS' }).end()
      }
      return true
    },
  }
}
