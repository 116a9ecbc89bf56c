import { createRequire } from 'node:module'
import { LRUCache } from 'lru-cache'
import { RateLimiterRes, type RateLimiterStoreAbstract } from 'rate-limiter-flexible'
import type { Config } from '../config.ts'
import { rateLimited } from '../errors.ts'
import type { Clock, Metrics, RateLimit, RateLimits } from '../ports.ts'

// The library has it in its types, but not in its index.
const require = createRequire(import.meta.url)
const StoreLimiter = require('rate-limiter-flexible/lib/RateLimiterStoreAbstract.js') as typeof RateLimiterStoreAbstract

const windowMs = 60_000
/** How many callers each limit remembers; beyond it the least recently counted ones are forgotten, so that active ones stay. */
export const maxLimiterEntries = 10_000

interface Window {
  readonly startedAt: number
  points: number
}

/** The library's limiter with a bounded memory and the clock of all other decisions. Its own memory has no bound, and a timer for each key. */
class BoundedLimiter extends StoreLimiter {
  readonly #windows = new LRUCache<string, Window>({ max: maxLimiterEntries })
  readonly #now: () => number

  constructor(points: number, now: () => number) {
    super({ points, duration: windowMs / 1_000, storeClient: null, keyPrefix: '' })
    this.#now = now
  }

  get size(): number {
    return this.#windows.size
  }

  /** A window that begins in the future means a clock that was set back: it is over, or it would last until then. */
  #current(key: string): Window | null {
    const window = this.#windows.get(key)
    const age = window ? this.#now() - window.startedAt : windowMs
    return window && age >= 0 && age < windowMs ? window : null
  }

  async _get(key: string): Promise<Window | null> {
    return this.#current(key)
  }

  async _upsert(key: string, points: number): Promise<Window> {
    const window = this.#current(key) ?? { startedAt: this.#now(), points: 0 }
    window.points += points
    this.#windows.set(key, window)
    return window
  }

  _getRateLimiterRes(_key: string, _points: number, window: Window): RateLimiterRes {
    return new RateLimiterRes(Math.max(0, this.points - window.points), window.startedAt + windowMs - this.#now(), window.points)
  }
}

type Settings = Pick<
  Config,
  | 'FAILED_CREDENTIALS_PER_MINUTE'
  | 'WRONG_GATEWAY_TOKENS_PER_MINUTE'
  | 'KEY_CREATIONS_PER_MINUTE'
  | 'SECRET_REVEALS_PER_MINUTE'
  | 'SECRET_NAME_CONFLICTS_PER_MINUTE'
>

/** Limited actions, by the name of the limit: its setting, and the message for callers beyond it. */
const limits: Readonly<Record<RateLimit, { setting: keyof Settings; message: string }>> = {
  failed_credentials: {
    setting: 'FAILED_CREDENTIALS_PER_MINUTE',
    message: 'Too many wrong credentials came from your address. A valid token is accepted at any time; try another one later.',
  },
  wrong_gateway_tokens: {
    setting: 'WRONG_GATEWAY_TOKENS_PER_MINUTE',
    message: 'Too many wrong gateway tokens came from your address. The right one is accepted at any time; try another one later.',
  },
  key_creations: { setting: 'KEY_CREATIONS_PER_MINUTE', message: 'You create keys too often. Nothing was created: try again later.' },
  secret_reveals: { setting: 'SECRET_REVEALS_PER_MINUTE', message: 'You reveal secrets too often. Nothing was revealed: try again later.' },
  secret_name_conflicts: {
    setting: 'SECRET_NAME_CONFLICTS_PER_MINUTE',
    message: 'You tried too many names that other secrets have. Nothing was saved: try again later.',
  },
}

/** The limits of this node, in memory: each node counts by itself, and nothing is written to the database. */
export function createRateLimits(settings: Settings, clock: Clock, metrics: Pick<Metrics, 'rateLimited'>): RateLimits & { readonly size: number } {
  const limiters = new Map<RateLimit, BoundedLimiter>()
  for (const [limit, { setting }] of Object.entries(limits) as [RateLimit, (typeof limits)[RateLimit]][]) {
    limiters.set(limit, new BoundedLimiter(settings[setting], () => clock.now().getTime()))
  }
  const limiterOf = (limit: RateLimit): BoundedLimiter => limiters.get(limit) as BoundedLimiter
  const refuse = (limit: RateLimit, { msBeforeNext }: RateLimiterRes): never => {
    metrics.rateLimited(limit)
    throw rateLimited(limits[limit].message, msBeforeNext)
  }
  return {
    spend: async (limit, who) => {
      await limiterOf(limit)
        .consume(who)
        .catch((used: RateLimiterRes) => refuse(limit, used))
    },
    requireLeft: async (limit, who) => {
      const used = await limiterOf(limit).get(who)
      if (used && used.remainingPoints <= 0) refuse(limit, used)
    },
    get size() {
      return [...limiters.values()].reduce((sum, limiter) => sum + limiter.size, 0)
    },
  }
}
