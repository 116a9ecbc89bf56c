import type { Actor } from '../access/actor.ts'
import type { Clock } from '../ports.ts'

/** setTimeout takes at most 2^31-1 ms; no credential lives that long without a check. */
const longestTimeoutMs = 2_147_483_647

/** Calls `end` when the credential expires, even without traffic; returns a function to stop that. */
export function whenExpired({ expiresAt }: Actor, clock: Clock, end: () => void): () => void {
  const remainingMs = expiresAt.getTime() - clock.now().getTime()
  const timer = setTimeout(end, Math.min(Math.max(remainingMs, 0), longestTimeoutMs))
  return () => clearTimeout(timer)
}
