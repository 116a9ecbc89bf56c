import { hash } from 'node:crypto'
import type { JWTPayload } from 'jose'
import { LRUCache } from 'lru-cache'

/** Returns the claims of a token; throws UNAUTHENTICATED if it is invalid, UNAVAILABLE if it cannot be checked. */
export type VerifyToken = (token: string) => Promise<JWTPayload>

/** How long a token counts as valid without a look at its signature. */
const maxRememberedMs = 300_000
/** Memory for them. */
const maxRememberedBytes = 10_000_000
/** With four bytes for each character of a token, whose text holds its claims: three times what was measured for a token of this server. */
const bytesPerToken = 600

interface Remembered {
  readonly claims: JWTPayload
  readonly verifiedAt: number
}

export interface Tokens {
  /** Verifies as the given function does, a token that was valid lately without it. Its end is compared at each call. */
  readonly verify: VerifyToken
  /** The claims of a token that was valid lately; null if `verify` must look at its signature. */
  known(token: string): JWTPayload | null
}

export interface RememberedTokens extends Tokens {
  /** The keys that tokens are verified with have changed. */
  forget(): void
}

/**
 * Remembers valid tokens by their SHA-256: checking a signature costs more than anything else that a small request does. `skewSeconds`: what
 * `verify` allows a token after its end.
 */
export function rememberTokens(verify: VerifyToken, { now, skewSeconds }: { now: () => Date; skewSeconds: number }): RememberedTokens {
  const known = new LRUCache<string, Remembered>({ maxSize: maxRememberedBytes })
  let generation = 0
  const hasEnded = (exp: number | undefined): boolean => exp === undefined || exp <= Math.floor(now().getTime() / 1_000) - skewSeconds
  const keyOf = (token: string): string => hash('sha256', token, 'base64')
  const find = (key: string): JWTPayload | null => {
    const remembered = known.get(key)
    return remembered && performance.now() - remembered.verifiedAt < maxRememberedMs && !hasEnded(remembered.claims.exp) ? remembered.claims : null
  }
  return {
    known: (token) => find(keyOf(token)),
    verify: async (token) => {
      const key = keyOf(token)
      const remembered = find(key)
      if (remembered) return remembered
      const begun = generation
      const claims = await verify(token)
      // Keys that changed meanwhile may not be those that it was verified with.
      if (begun === generation) known.set(key, { claims, verifiedAt: performance.now() }, { size: bytesPerToken + 4 * token.length })
      return claims
    },
    forget: () => {
      generation++
      known.clear()
    },
  }
}
