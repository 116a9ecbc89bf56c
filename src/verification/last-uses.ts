import type { Ports } from '../ports.ts'

/** At most this often is a key's last use written. */
const restMs = 60_000
/** Beyond this many remembered keys the memory starts anew; some uses are then written sooner than needed. */
const maxRemembered = 100_000

export interface LastUses {
  used(keyId: string, usedAt: Date): void
  /** Writes what gathered since the last call, in one statement. */
  flush(): Promise<void>
}

/** Gathers uses in memory; a crash loses at most what one flush would have written. */
export function createLastUses(keys: Pick<Ports['keys'], 'recordUses'>): LastUses {
  let pending = new Map<string, Date>()
  const written = new Map<string, number>()
  return {
    used: (keyId, usedAt) => {
      if (usedAt.getTime() - (written.get(keyId) ?? Number.NEGATIVE_INFINITY) >= restMs) pending.set(keyId, usedAt)
    },
    flush: async () => {
      if (pending.size === 0) return
      const uses = [...pending].map(([keyId, usedAt]) => ({ keyId, usedAt })).sort((a, b) => (a.keyId < b.keyId ? -1 : 1))
      pending = new Map()
      if (written.size > maxRemembered) written.clear()
      for (const { keyId, usedAt } of uses) written.set(keyId, usedAt.getTime())
      await keys.recordUses(uses)
    },
  }
}
