import type { KeyRowFragment, OrphanReason } from '../generated/operations.ts'

export const orphanReasons: Readonly<Record<OrphanReason, string>> = { INSTANCE_DELETED: 'Instance deleted', CREATOR_REMOVED: 'Creator removed' }

/** When it lost what made it an orphan. */
export const orphanedSince = (key: KeyRowFragment): string | null =>
  key.orphanReason === 'INSTANCE_DELETED' ? key.instance.deletedAt : key.orphanReason === 'CREATOR_REMOVED' ? key.createdBy.removedAt : null

/** Why the viewer may not revoke it, and whom to ask. Undefined where they may. */
export function whyNotRevoke(key: KeyRowFragment, organization: string): string | undefined {
  if (key.viewerCanRevoke) return undefined
  if (key.revokeRefusal === 'ALREADY_REVOKED') return `Revoked already${key.revokedBy ? `, by ${key.revokedBy.name}` : ''}.`
  if (key.revokeRefusal === 'ORPHAN_NEEDS_OWNER') return `Only Owners and Aura Owners revoke orphaned keys. Ask one of ${organization}.`
  return `${key.createdBy.name} created this key. Ask them, or an Owner of ${key.instance.name}.`
}

/** Words for the outcome of one key of several. */
export const outcomes: Readonly<Record<string, string>> = {
  FORBIDDEN: 'Not revoked: you may not revoke it',
  NOT_FOUND: 'Not revoked: you may not see it any more',
}
