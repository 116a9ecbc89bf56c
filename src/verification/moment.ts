/** The maximum time that a mark is good, in milliseconds, the same constant on every node: a denial waits longer than this. */
export const reuseMs = 50
/** Two clocks may drift apart this much; a node uses a mark for less than `reuseMs`, and a denial waits longer. */
export const rate = 0.1
/** How long a denial waits after its commit is confirmed: whole, as `waitedMs` is, since the product is 55.00000000000001. */
export const denialMs = Math.round(reuseMs * (1 + rate))

/** Both clocks at once, in milliseconds: the monotonic clock and the time of day. At least one of them shows that a process was stopped. */
export interface Moment {
  readonly mono: number
  readonly wall: number
}

/** An organization's mark with the moment of its statement. */
export interface Hand {
  readonly mark: string
  /** The moment before its statement was sent. */
  readonly sentAt: Moment
  /** Database time during the statement, in milliseconds. */
  readonly databaseTime: number
}

/** Whether a request that arrived by `now` may still use a mark. A node may allow less than `reuseMs`, never more. */
export function isGood({ sentAt }: Hand, now: Moment, allowedMs: number): boolean {
  const limit = (1 - rate) * Math.min(allowedMs, reuseMs)
  const wall = now.wall - sentAt.wall
  return now.mono - sentAt.mono < limit && wall >= 0 && wall < limit
}

/** Whether a use should start the next read, so that later uses do not wait for it. */
export const isAging = ({ sentAt }: Hand, now: Moment, allowedMs: number): boolean => now.mono - sentAt.mono > ((1 - rate) / 2) * Math.min(allowedMs, reuseMs)

/** The time that decides expiry for a request that waited for this hand: the later of this node's time and the database time, which was after it came. */
export const timeOfRead = ({ databaseTime }: Hand, now: Moment): number => Math.max(now.wall, databaseTime)

/**
 * The same for a request that came later. When the database read its clock is only known to be after the statement was sent, so all the time since
 * then counts: a key can end early by as much as the statement took, which for a hand that is good is less than `reuseMs`, and never late.
 */
export const timeOfReuse = ({ sentAt, databaseTime }: Hand, now: Moment): number => Math.max(now.wall, databaseTime + now.mono - sentAt.mono)
