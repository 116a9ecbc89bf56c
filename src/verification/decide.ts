import type { KeyRecord } from '../keys/model.ts'

export type RefusalCode = 'MALFORMED' | 'NOT_FOUND' | 'WRONG_INSTANCE' | 'REVOKED' | 'ORPHANED' | 'EXPIRED'

type Decided = Pick<KeyRecord, 'instanceId' | 'revokedAt' | 'orphanReason' | 'instanceDeletedAt' | 'creatorRemovedAt' | 'expiresAt' | 'expiredAt' | 'readAt'>

/** Decides about a key whose whole secret was sent: first match wins. Checks the owners' own state, not only the copied state. */
export function decide(key: Decided, instanceId: string, now: Date): 'VALID' | RefusalCode {
  if (key.instanceId !== instanceId) return 'WRONG_INSTANCE'
  if (key.revokedAt) return 'REVOKED'
  if (key.orphanReason || key.instanceDeletedAt || key.creatorRemovedAt) return 'ORPHANED'
  // Either clock may be behind; a key once expired stays expired.
  if (key.expiredAt || Math.max(now.getTime(), key.readAt.getTime()) >= key.expiresAt.getTime()) return 'EXPIRED'
  return 'VALID'
}
