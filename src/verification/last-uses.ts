import { LRUCache } from 'lru-cache'
import type { Ports } from '../ports.ts'

/** A key's last use is written at most this often. */
const restMs = 60_000
/** The write times of this many keys are remembered; uses of others are written sooner than needed. */
const maxRemembered = 100_000
/** At most this many keys wait for a write; while the database takes no writes, uses of others are lost, as in a crash. */
const maxPending = 100_000
/** Maximum of uses in one statement, since other statements wait for it. */
const maxRows = 5_000

export interface LastUses {
  used(keyId: string, usedAt: Date): void
  /** Writes the uses since the last call, mostly in one statement. */
  flush(): Promise<void>
}

/** Collects uses in memory; a crash loses at most what one flush would write. */
export function createLastUses(keys: Pick<Ports['keys'], 'recordUses'>): LastUses {
  let pending = new Map<string, Date>()
  const written = new LRUCache<string, number>({ max: maxRemembered })
  return {
    used: (keyId, usedAt) => {
      // Its place is that of its last write: a use that needs none moves nothing.
      if (usedAt.getTime() - (written.peek(keyId) ?? Number.NEGATIVE_INFINITY) < restMs) return
      if (pending.size < maxPending || pending.has(keyId)) pending.set(keyId, usedAt)
    },
    flush: async () => {
      if (pending.size === 0) return
      const uses = [...pending].map(([keyId, usedAt]) => ({ keyId, usedAt })).sort((a, b) => (a.keyId < b.keyId ? -1 : 1))
      pending = new Map()
      for (const { keyId, usedAt } of uses) written.set(keyId, usedAt.getTime())
      for (let at = 0; at < uses.length; at += maxRows) await keys.recordUses(uses.slice(at, at + maxRows))
    },
  }
}
