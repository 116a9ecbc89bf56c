import type { OrganizationRole } from '../generated/prisma/enums.ts'

/** Who asks: a present member, as the database said when the request came in. */
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

/** What a request brings, unchecked: its `Authorization` value, and the organization that it names beside the token, if any. */
export interface Credential {
  readonly authorization: string | null | undefined
  readonly organization: unknown
}

/** What a valid credential says by itself, before anything is looked up. */
export interface Identity {
  readonly subject: string
  /** The organization that it names, an id or a slug; null when it names none. */
  readonly organization: string | null
  /** When the credential ends. */
  readonly expiresAt: Date
}

/** Checks a credential without the database; throws UNAUTHENTICATED, with one text, for everything that is no valid one. */
export type Identify = (credential: Credential) => Promise<Identity>

/** The member that the identity is at this moment; throws UNAUTHENTICATED when it is none, or when it may mean several organizations. */
export type Authenticate = (identity: Identity) => Promise<Actor>
