/** When something began and ended, in milliseconds by the one clock of whoever looks on. `end`: null when no answer came; then it may happen at any time after, or never. */
interface Span {
  readonly begin: number
  readonly end: number | null
}

/** A key whose creation was answered. */
export interface CreatedKey extends Span {
  readonly kind: 'created'
  readonly key: string
  readonly end: number
  /** When its time is over. */
  readonly endsAt: number
}

/** Keys that are to open nothing any more: revoked, or orphaned by the deletion of their instance or the removal of their creator. */
export interface Denial extends Span {
  readonly kind: 'denial'
  readonly by: 'revocation' | 'deletion' | 'removal'
  readonly keys: readonly string[]
  /** An answer that says no, which nobody who owns the organization may get. */
  readonly refused?: string
}

/** What a node said of a key; `outcome`: null when it said 503 or nothing. */
export interface Verification extends Span {
  readonly kind: 'verification'
  readonly key: string
  readonly node: number
  readonly outcome: string | null
}

/** How long a node's time of day was ahead of the true one; a clock that is behind ends no key early. */
export interface ClockAhead extends Span {
  readonly kind: 'clock'
  readonly aheadMs: number
}

export type Entry = CreatedKey | Denial | Verification | ClockAhead
