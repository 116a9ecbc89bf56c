import { batchSchedule } from './batching.ts'
import type { Rights } from './rights.ts'

/** No organization moves this far between two polls: a larger hint is from a restored backup, or false. */
const maxAhead = 10_000n

/**
 * Handles hints about one organization's version, from other nodes or any client of the database: the newest version is read at most once
 * per 50 ms, whatever the hints say, and not for a version far ahead after a lower one was not found. A read moves the groups.
 */
export function createHintedRefresh({ refresh, hasRead }: Pick<Rights, 'refresh' | 'hasRead'>): (version: bigint) => void {
  const soon = batchSchedule()
  let isDue = false
  /** The lowest version far ahead hinted since the last read, and the lowest one that a later read did not find. */
  let suspect: bigint | null = null
  let refuted: bigint | null = null
  const isFar = (version: bigint): boolean => !hasRead(version - maxAhead)

  async function look(): Promise<void> {
    const hinted = suspect
    isDue = false
    suspect = null
    await refresh()
    // Hints come after the commit: a version missing now was missing then. Near hints are not kept, since they come true soon.
    if (hinted !== null && isFar(hinted) && (refuted === null || hinted < refuted)) refuted = hinted
  }

  return (version) => {
    if (hasRead(version)) return
    if (isFar(version)) {
      if (refuted !== null && version >= refuted) return
      if (suspect === null || version < suspect) suspect = version
    }
    if (isDue) return
    isDue = true
    // The poll makes up for a failed read.
    soon(() => void look().catch(() => undefined))
  }
}
