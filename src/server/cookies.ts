import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Log } from '../ports.ts'
import { maxSessionMs } from '../sessions/model.ts'
import { isOwnPage, type Origins } from './origins.ts'

/** The cookie of a session. */
export interface Cookies {
  /** Its value; undefined where it does not count. */
  read(request: IncomingMessage): string | undefined
  /** The value of `Set-Cookie` for a token; null removes the cookie. */
  set(token: string | null): string
  /** The same for a sign-in that is under way, which another site continues. */
  setPending(text: string | null): string
  readPending(request: IncomingMessage): string | undefined
  /** Whether the request comes from a page of our own; logs what it came from otherwise. */
  isOwn(request: IncomingMessage): boolean
}

/** How long somebody may take at the identity provider. */
const pendingSeconds = 600

/** The value of the only cookie with this name; two of them may be another site's attempt to slip in its own. */
function onlyValue({ cookie = '' }: IncomingHttpHeaders, name: string): string | undefined {
  const values = cookie.split(';').flatMap((pair) => {
    const [key = '', ...rest] = pair.split('=')
    return key.trim() === name ? [rest.join('=').trim()] : []
  })
  return values.length === 1 ? values[0] : undefined
}

/** `installation`: goes into the name, since servers on other ports of this host share its cookies. `Secure` and `__Host-` where people use https. */
export function createCookies(origins: Origins, installation: string, log: Log): Cookies {
  const isSecure = origins.publicUrl?.startsWith('https:') ?? false
  const nameOf = (kind: string): string => `${isSecure ? '__Host-' : ''}aura-keys-${kind}-${installation}`
  const line = (kind: string, value: string | null, site: string, seconds: number): string =>
    `${nameOf(kind)}=${value ?? ''}; Path=/; HttpOnly; SameSite=${site}; Max-Age=${value === null ? 0 : seconds}${isSecure ? '; Secure' : ''}`
  const isOwn = ({ headers, headersDistinct }: IncomingMessage): boolean => {
    // Of several Hosts Node takes the first, and a proxy may have taken another.
    const is = (headersDistinct['host'] ?? []).length < 2 && isOwnPage(headers, origins)
    if (!is) log.info({ origin: headers.origin?.slice(0, 300), host: headers.host?.slice(0, 300) }, 'a cookie of another origin was ignored: see PUBLIC_URL')
    return is
  }
  return {
    isOwn,
    read: (request) => {
      const { headers } = request
      // A token wins, and the cookie is not even looked at.
      if (headers.authorization !== undefined) return
      const value = onlyValue(headers, nameOf('session'))
      return value === undefined || value === '' || !isOwn(request) ? undefined : value
    },
    set: (token) => line('session', token, 'Strict', maxSessionMs / 1_000),
    setPending: (text) => line('pending', text, 'Lax', pendingSeconds),
    readPending: ({ headers }) => onlyValue(headers, nameOf('pending')),
  }
}
