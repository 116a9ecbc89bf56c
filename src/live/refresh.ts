import { batchSchedule } from './batching.ts'
import type { Rights } from './rights.ts'

/** No organization moves so far between two polls: a hint of more is that of a restored backup, or false. */
const maxAhead = 10_000n

/**
 * Takes what other nodes say of one organization's version, or whoever may connect to the database: the newest version is read at most once
 * per 50 ms, whatever is said, and not at all for a version far ahead once one below it was not found. What is read moves the groups.
 */
export function createHintedRefresh({ refresh, hasRead }: Pick<Rights, 'refresh' | 'hasRead'>): (version: bigint) => void {
  const soon = batchSchedule()
  let isDue = false
  /** The lowest version far ahead that was hinted since the last look, and the lowest that a later look did not find. */
  let suspect: bigint | null = null
  let refuted: bigint | null = null
  const isFar = (version: bigint): boolean => !hasRead(version - maxAhead)

  async function look(): Promise<void> {
    const hinted = suspect
    isDue = false
    suspect = null
    await refresh()
    // Hints come after the commit: what is not there now was not there then. Of near ones nothing is kept, since they come true soon.
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
    // The poll makes up for a look that fails.
    soon(() => void look().catch(() => undefined))
  }
}
