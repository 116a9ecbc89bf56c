import type { KeyRecord } from '../keys/model.ts'

export type RefusalCode = 'MALFORMED' | 'NOT_FOUND' | 'WRONG_INSTANCE' | 'REVOKED' | 'ORPHANED' | 'EXPIRED'

type Decided = Pick<KeyRecord, 'instanceId' | 'revokedAt' | 'orphanReason' | 'instanceDeletedAt' | 'creatorRemovedAt' | 'expiresAt' | 'expiredAt' | 'readAt'>

/** What a key whose whole secret was shown opens: first match wins. Looks at the owners themselves, not only at the copied state. */
export function decide(key: Decided, instanceId: string, now: Date): 'VALID' | RefusalCode {
  if (key.instanceId !== instanceId) return 'WRONG_INSTANCE'
  if (key.revokedAt) return 'REVOKED'
  if (key.orphanReason || key.instanceDeletedAt || key.creatorRemovedAt) return 'ORPHANED'
  // Either clock may be behind; what was told to be over once is over.
  if (key.expiredAt || Math.max(now.getTime(), key.readAt.getTime()) >= key.expiresAt.getTime()) return 'EXPIRED'
  return 'VALID'
}
