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
