import type { InstanceRole, OrganizationRole } from '../generated/prisma/enums.ts'

interface Who {
  readonly role: OrganizationRole
}
type Right = (who: Who) => boolean

const isOrganizationOwner: Right = ({ role }) => role === 'OWNER'
const isOwner: Right = ({ role }) => role === 'OWNER' || role === 'AURA_OWNER'

/** Every role, each by name: a new role has no rights until it is added here. */
export const isMember: Right = (who) => isOwner(who) || who.role === 'MEMBER'

/** Includes rows that they have no role on, and rows of deleted instances. */
export const seesEveryRow = isOwner
export const mayCreateApps = isOwner
export const mayCreateInstances = isOwner
export const mayReadAuditLog = isOwner
export const mayRevokeOrphans = isOwner
export const mayManageMembers = isOrganizationOwner
/** The values and names of other members' secrets. */
export const mayUseAllSecrets = isOrganizationOwner
/** Subjects and addresses of other members. */
export const maySeeContacts = isOrganizationOwner

/** `ownsInstance`: whether they are OWNER of an instance that still exists. */
export const mayListMembers = (who: Who, ownsInstance: boolean): boolean => isOwner(who) || ownsInstance

/** Whether they may delete the instance and grant roles on it; `instanceRole` is their own on it. */
export const mayControlInstance = (who: Who, instanceRole: InstanceRole | null): boolean => isOwner(who) || instanceRole === 'OWNER'

/** Whether they may revoke everybody's active and expired keys of the instance, not only their own. */
export const mayRevokeEveryKey = mayControlInstance
