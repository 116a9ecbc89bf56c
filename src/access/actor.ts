import type { OrganizationRole } from '../generated/prisma/enums.ts'

/** The caller: a present member, as the database said when the request came. */
export interface Actor {
  readonly memberId: string
  readonly organizationId: string
  readonly subject: string
  readonly role: OrganizationRole
  /** The organization's version before anything else of this request was read. */
  readonly organizationVersion: bigint
  /** Read in one statement with the version; missing where the member came from memory. */
  readonly marks?: Marks
  /** When the credential ends. */
  readonly expiresAt: Date
}

/** Random values of an organization: while one is the same, nothing that it stands for has changed. */
export interface Marks {
  /** Moves with the version. */
  readonly rows: string
  /** Moves with every write of last uses; null before the first. */
  readonly uses: string | null
  /** The process's monotonic time before they were read, in milliseconds. */
  readonly askedAt: number
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

/** The identity of a credential that was checked lately, as `Identify` finds it; null if that must check it. */
export type Recognize = (credential: Credential) => Identity | null

/**
 * Returns the identity's current member; throws UNAUTHENTICATED when there is none, or when several organizations are possible. `failed`: what it
 * threw for the same request before the request was known: that is counted now, and thrown again.
 */
export type Authenticate = (identity: Identity, failed?: unknown) => Promise<Actor>
