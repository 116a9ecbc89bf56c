import type { OrganizationRole } from '../generated/prisma/enums.ts'

/** The caller: a present member, as the database said when the request came. */
export interface Actor {
  readonly memberId: string
  readonly organizationId: string
  readonly subject: string
  readonly role: OrganizationRole
  /** The organization's version before anything else of this request was read. */
  readonly organizationVersion: bigint
  /** When the credential ends. */
  readonly expiresAt: Date
}

/** What a request sends, unchecked: its `Authorization` value, and the organization that it names outside the token, if any. */
export interface Credential {
  readonly authorization: string | null | undefined
  readonly organization: unknown
  /** The value of the session's cookie, where the cookie counts. */
  readonly session?: string | undefined
}

/** What a valid credential says by itself, before any lookup. */
export interface Identity {
  readonly subject: string
  /** The organization that it names, an id or a slug; null when it names none. */
  readonly organization: string | null
  /** When the credential ends. */
  readonly expiresAt: Date
  /** The id of the session, if a cookie was the credential. */
  readonly session?: string
}

/** Checks a credential, a token without the database; throws UNAUTHENTICATED, with one text, for every invalid one. */
export type Identify = (credential: Credential) => Promise<Identity>

/** Returns the identity's current member; throws UNAUTHENTICATED when there is none, or when several organizations are possible. */
export type Authenticate = (identity: Identity) => Promise<Actor>
