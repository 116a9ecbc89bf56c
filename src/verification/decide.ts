import type { KeyRecord } from '../keys/model.ts'

export type RefusalCode = 'MALFORMED' | 'NOT_FOUND' | 'WRONG_INSTANCE' | 'REVOKED' | 'ORPHANED' | 'EXPIRED'

type Decided = Pick<KeyRecord, 'instanceId' | 'revokedAt' | 'orphanReason' | 'instanceDeletedAt' | 'creatorRemovedAt' | 'expiresAt'>

/** What a key whose whole secret was shown opens: first match wins. Looks at the owners themselves, not only at the copied state. */
export function decide(key: Decided, instanceId: string, now: Date): 'VALID' | RefusalCode {
  if (key.instanceId !== instanceId) return 'WRONG_INSTANCE'
  if (key.revokedAt) return 'REVOKED'
  if (key.orphanReason || key.instanceDeletedAt || key.creatorRemovedAt) return 'ORPHANED'
  if (now.getTime() >= key.expiresAt.getTime()) return 'EXPIRED'
  return 'VALID'
}
