// All that the portal says to the server besides GraphQL. The cookie itself is out of reach for scripts.

export interface Organization {
  readonly id: string
  readonly name: string
  readonly slug: string
}

export interface Session {
  readonly member: { readonly id: string; readonly name: string }
  readonly organization: Organization
  /** Where else the same person is a member. */
  readonly organizations: readonly Organization[]
}

/** Nobody is signed in. `signIn`: where the identity provider's sign-in begins, if the server has one. */
export interface SignedOut {
  readonly signIn?: string
}

export class SessionRefused extends Error {
  readonly status: number

  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}

/** How the page asks: on plain http browsers do not say with a GET which page sends it, and then its cookie does not count. */
const asking = isSecureContext ? { method: 'GET', query: '' } : { method: 'POST', query: '?read=true' }

async function call(method: string, path = '', body?: unknown): Promise<Response> {
  const response = await fetch(`/portal/session${path}`, {
    method,
    headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  if (response.ok) return response
  const answer = (await response.json().catch(() => ({}))) as { message?: string; error?: { message?: string } }
  throw new SessionRefused(answer.message ?? answer.error?.message ?? `The server answered ${response.status}.`, response.status)
}

/** Who is signed in, or how to sign in. */
export async function readSession(): Promise<Session | SignedOut> {
  const response = await fetch(`/portal/session${asking.query}`, { method: asking.method, headers: { accept: 'application/json' } })
  if (response.ok || response.status === 401) return (await response.json()) as Session | SignedOut
  throw new SessionRefused(`The server answered ${response.status}.`, response.status)
}

/** Signs in with the code of a one-time link, which is used up by that. */
export async function signInWith(code: string): Promise<void> {
  try {
    await call('POST', '', { code })
  } catch (refusal) {
    // The server's words are for programs with a token.
    throw refusal instanceof SessionRefused && refusal.status === 401 ? new SessionRefused('It was used already, or is too old.', 401) : refusal
  }
}

/** Goes to another organization of the same person; the server renews the cookie. */
export const switchOrganization = (organizationId: string): Promise<unknown> => call('PATCH', '', { organizationId })

export const signOut = (): Promise<unknown> => call('DELETE')

export const signOutEverywhere = (): Promise<unknown> => call('DELETE', '?everywhere=true')

/**
 * The code in the address, taken out of it at once so that it stays in no history. A fragment never reaches a server's or proxy's log.
 */
export function takeCode(): string | undefined {
  const code = new URLSearchParams(location.hash.slice(1)).get('code')
  if (code === null) return undefined
  history.replaceState(null, '', location.pathname + location.search)
  return code
}

const place = 'aura-keys.place'

/** Where a person was who must sign in first: the link to do so may open in another tab. */
export function rememberPlace(): void {
  const path = location.pathname.replace(/^\/portal/, '')
  if (!/^\/?(signin)?$/.test(path)) localStorage.setItem(place, path + location.search)
}

/** That place, once. */
export function takePlace(): string | undefined {
  const path = localStorage.getItem(place) ?? undefined
  localStorage.removeItem(place)
  return path
}

export interface OwnSession {
  readonly id: string
  readonly signedInAt: string
  readonly usedAt: string
  readonly organization: Organization
  /** The one of this browser. */
  readonly isThis: boolean
}

/** Where the same person is signed in. */
export async function ownSessions(): Promise<readonly OwnSession[]> {
  const response = await fetch(`/portal/sessions${asking.query}`, { method: asking.method, headers: { accept: 'application/json' } })
  if (!response.ok) throw new SessionRefused(`The server answered ${response.status}.`, response.status)
  return ((await response.json()) as { sessions: readonly OwnSession[] }).sessions
}
