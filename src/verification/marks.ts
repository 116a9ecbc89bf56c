import { LRUCache } from 'lru-cache'
import type { Departures, Lane } from './lane.ts'
import { type Hand, isAging, isGood, type Moment } from './moment.ts'

/** Marks of this many organizations are kept; each is good only briefly. */
const maxMarks = 10_000

export interface Marks {
  /** Returns the hand that a request that arrived by `now` may use, or null if the database must be read. */
  inHand(organizationId: string, now: Moment): Hand | null
  /** Returns the hand from a statement sent after this call. Throws `Undecided`. */
  read(organizationId: string, departures: Departures): Promise<Hand>
}

/** The newest hand of each organization. */
export interface Hands {
  get(organizationId: string): Hand | null
  /** Keeps the hand with the later statement. */
  put(organizationId: string, hand: Hand): void
  /** How often a mark had changed. */
  readonly moved: number
  /** When the statement of the newest hand was sent, in monotonic time; null before the first hand. */
  readonly newest: number | null
}

export function createHands(): Hands {
  const hands = new LRUCache<string, Hand>({ max: maxMarks })
  let moved = 0
  let newest: number | null = null
  return {
    get moved() {
      return moved
    },
    get newest() {
      return newest
    },
    get: (organizationId) => hands.get(organizationId) ?? null,
    put: (organizationId, hand) => {
      const before = hands.peek(organizationId)
      if (before && before.sentAt.mono > hand.sentAt.mono) return
      if (before && before.mark !== hand.mark) moved++
      hands.set(organizationId, hand)
      newest = Math.max(newest ?? 0, hand.sentAt.mono)
    },
  }
}

const nobody: Departures = new Set()

/** Marks of the database, good for `allowedMs` but never longer than `reuseMs`. */
export function createMarks(hands: Pick<Hands, 'get'>, lane: Pick<Lane<Hand>, 'record'>, allowedMs: number): Marks {
  /** Hands that are being read again. */
  const aging = new WeakSet<Hand>()
  return {
    inHand: (organizationId, now) => {
      const hand = hands.get(organizationId)
      if (!hand || !isGood(hand, now, allowedMs)) return null
      if (isAging(hand, now, allowedMs) && !aging.has(hand)) {
        aging.add(hand)
        // A request gets a failure if it is too old.
        lane.record(organizationId, nobody).catch(() => undefined)
      }
      return hand
    },
    read: async (organizationId, departures) => {
      const hand = await lane.record(organizationId, departures)
      if (!hand) throw new Error('the database has no mark of an organization: it is a standby, or the organization is gone')
      return hand
    },
  }
}

/** The mark of the process that owns the embedded database: one mark for all organizations, moved by every denial, and good until it moves. */
export interface OwnMark extends Marks {
  readonly current: string
  /** Called after each denial whose commit was sent, whatever the result, before it is reported. */
  move(): void
}

/** `check` ends the process if the database is not its own any more. */
export function createOwnMark(check: () => void = () => {}): OwnMark {
  let moved = 0
  let hand: Hand = { mark: '0', sentAt: { mono: 0, wall: 0 }, databaseTime: Number.NEGATIVE_INFINITY }
  return {
    get current() {
      return hand.mark
    },
    move: () => {
      moved++
      hand = { ...hand, mark: String(moved) }
    },
    inHand: () => {
      check()
      return hand
    },
    read: () => Promise.resolve(hand),
  }
}
