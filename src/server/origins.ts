import type { IncomingHttpHeaders } from 'node:http'

/** Our own origins, and those of other pages that may call us. */
export interface Origins {
  /** Pages that may call with a token. */
  readonly allowed: readonly string[]
  /** Our own where people see us, if it is not the Host of the requests. */
  readonly publicUrl: string | undefined
}

/** Equal origins in one form: case, default ports and brackets do not count. */
export const sameOrigin = (origin: string): string => (URL.canParse(origin) ? new URL(origin).origin : origin)

export const isAllowedOrigin = (origin: string, { allowed }: Pick<Origins, 'allowed'>): boolean => allowed.includes(sameOrigin(origin))

/** Whether a page of this origin may open a socket or stream: programs send no origin, browsers always do. */
export function isKnownOrigin({ origin, host }: IncomingHttpHeaders, { allowed, publicUrl }: Origins): boolean {
  if (origin === undefined) return true
  const own = host ? [`http://${host}`, `https://${host}`].map(sameOrigin) : []
  return [...own, publicUrl, ...allowed].includes(sameOrigin(origin))
}

/**
 * Whether a request comes from a page of our own, so that its cookie counts. SameSite is not enough: a page on another port of this host sends
 * our cookies too, with POSTs and sockets. Browsers send no Origin with a GET of our own page, but then Sec-Fetch-Site, which no page can set;
 * without both it may be anybody. `ALLOWED_ORIGINS` may send tokens, and no cookie. This process speaks no TLS itself.
 */
export function isOwnPage(headers: IncomingHttpHeaders, { publicUrl }: Pick<Origins, 'publicUrl'>): boolean {
  const { origin, host } = headers
  if (origin === undefined) return headers['sec-fetch-site'] === 'same-origin'
  return origin === (publicUrl ?? (host ? `http://${host}` : null))
}
