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

/** What a request brings: its `Authorization` value, and the organization it names, if any. */
export interface Credential {
  readonly authorization: string | null | undefined
  readonly organization: string | null | undefined
}

/** The caller's member; throws UNAUTHENTICATED, with one text, for everything else. */
export type Authenticate = (credential: Credential) => Promise<Actor>
