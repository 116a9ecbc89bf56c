/** The closed list of `extensions.code`. */
export const errorCodes = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'CONFLICT',
  'BAD_USER_INPUT',
  'QUERY_REJECTED',
  'RATE_LIMITED',
  'RESYNC',
  'UNAVAILABLE',
  'INTERNAL',
] as const
export type ErrorCode = (typeof errorCodes)[number]

/** A refusal that the caller may read: its message and `extensions` reach the GraphQL response unchanged. */
export class AuraError extends Error {
  override readonly name = 'AuraError'
  readonly extensions: {
    code: ErrorCode
    field?: string
    retryAfterMs?: number
    http?: { status: number; headers?: Readonly<Record<string, string>> }
  }

  constructor(code: ErrorCode, message: string, field?: string) {
    super(message)
    this.extensions = { code, ...(field === undefined ? {} : { field }), ...(code === 'UNAUTHENTICATED' ? { http: { status: 401 } } : {}) }
  }
}

/** One text for every bad credential, so that it tells nothing about which part was wrong. */
export const unauthenticated = (): AuraError =>
  new AuraError('UNAUTHENTICATED', 'Send a valid, unexpired token of a member of an organization as "Authorization: Bearer …".')

/** Only for a valid token: it names no organization, and this server has several. */
export const organizationNeeded = (claim: string): AuraError =>
  new AuraError(
    'UNAUTHENTICATED',
    `Name an organization, its id or slug: by the claim "${claim}" of the token, the header X-Aura-Organization, or over WebSocket "organization" in connection_init.`,
    'organization',
  )

/** The same text for an id that exists elsewhere and for one that exists nowhere. */
export const notFound = (): AuraError => new AuraError('NOT_FOUND', 'There is nothing with this id that you may see.')

export const forbidden = (message = 'Your role does not allow this.'): AuraError => new AuraError('FORBIDDEN', message)

export const badInput = (field: string, message: string): AuraError => new AuraError('BAD_USER_INPUT', `${field}: ${message}`, field)

/** Throws BAD_USER_INPUT if the caller did not acknowledge. */
export function requireAcknowledged(acknowledged: boolean): void {
  if (!acknowledged) throw badInput('acknowledged', 'must be true: this cannot be undone')
}

export const conflict = (message: string, field?: string): AuraError => new AuraError('CONFLICT', message, field)

/** Too many in a minute, or at once. Over HTTP this is 429, with the time to wait in `Retry-After` too. */
export function rateLimited(message: string, retryAfterMs: number): AuraError {
  const error = new AuraError('RATE_LIMITED', message)
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000))
  return Object.assign(error, { extensions: { code: 'RATE_LIMITED', retryAfterMs, http: { status: 429, headers: { 'retry-after': String(seconds) } } } })
}

/** The feed cannot continue without a gap: read everything again, then subscribe from there. */
export const resync = (): AuraError =>
  new AuraError('RESYNC', 'Events since this version are not all there. Read the current state again, and go on from its version.', 'after')

/** Does not say that nothing was changed: the connection may be lost at the commit, or after it. */
export const unavailable = (
  message = 'The database is busy or out of reach. A change may or may not have been made: look again, or repeat it with the same idempotencyKey.',
): AuraError => new AuraError('UNAVAILABLE', message)

export const nothingChanged = (): AuraError => unavailable('The database is busy or out of reach. Nothing was changed; try again.')
