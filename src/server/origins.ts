import type { IncomingHttpHeaders } from 'node:http'

/** Whether a page of this origin may open a socket or stream: programs send no origin, browsers always do. */
export function isKnownOrigin({ origin, host }: IncomingHttpHeaders, allowedOrigins: readonly string[]): boolean {
  return origin === undefined || origin === `http://${host}` || origin === `https://${host}` || allowedOrigins.includes(origin)
}
