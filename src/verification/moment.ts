/** For how long a mark is good at most, in milliseconds, by the same constant on every node: who denies waits longer than this. */
export const reuseMs = 50
/** Two clocks may run so much apart; a node uses a mark for less than `reuseMs`, and who denies waits for more. */
export const rate = 0.1
/** How long a denial waits after its commit was answered. */
export const denialMs = reuseMs * (1 + rate)

/** Both clocks at once, in milliseconds: one that never goes back, and the time of day. A process that was stopped shows in one of them at least. */
export interface Moment {
  readonly mono: number
  readonly wall: number
}

/** The mark of an organization as this node has it in hand. */
export interface Hand {
  readonly mark: string
  /** Before the statement was sent that read it. */
  readonly sentAt: Moment
  /** The database's time while that ran, in milliseconds. */
  readonly databaseTime: number
}

/** Whether a mark may still be used by a request that had arrived by `now`. A node may allow it less than `reuseMs`, never more. */
export function isGood({ sentAt }: Hand, now: Moment, allowedMs: number): boolean {
  const limit = (1 - rate) * Math.min(allowedMs, reuseMs)
  const wall = now.wall - sentAt.wall
  return now.mono - sentAt.mono < limit && wall >= 0 && wall < limit
}

/** Whether a use should start the next read, so that the ones after it wait for none. */
export const isAging = ({ sentAt }: Hand, now: Moment, allowedMs: number): boolean => now.mono - sentAt.mono > ((1 - rate) / 2) * Math.min(allowedMs, reuseMs)

/** The time that ends keys: the later of this node's and of the database's, as it came with the mark. */
export const timeOf = ({ sentAt, databaseTime }: Hand, now: Moment): number => Math.max(now.wall, databaseTime + now.mono - sentAt.mono)
