import { createHash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { KeyRecord } from '../keys/model.ts'
import type { Ports } from '../ports.ts'
import { createLane, type Departures, type Lane, Undecided } from './lane.ts'
import type { Outcome } from './verify-key.ts'

export type LaneName = 'known' | 'unknown'

/** How many requests of each lane wait for the next statement; the next ones are refused. Whoever is in the known lane once held a whole key. */
const maxWaiting: Readonly<Record<LaneName, number>> = { known: 10_000, unknown: 2_000 }
/** How many keys are remembered as found valid; the one that was not used for longest makes way. */
const maxKnownKeys = 100_000
/** Statements of a lane that are not over, given up or not; beyond it none is sent until one is, so that none heap up in front of the database. */
const maxOpen = 8

export interface Lookups {
  /**
   * The row of this key id, from a statement that was sent after the call. `text` is the whole key as it was presented: it decides on the lane,
   * since an id can be known to whoever saw it in a list. Throws `Undecided`.
   */
  record(text: string, id: string, departures: Departures): Promise<KeyRecord | null>
  /** Says what became of the text. Changes the lane of the next request, never its answer. */
  decided(text: string, code: Outcome['code']): void
  /** How many wait in each lane. */
  waiting(): Readonly<Record<LaneName, number>>
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('base64')

/**
 * Looks keys up in two lanes, so that those that this node found valid lately never wait for those that anybody can make up. Keeps no row. A
 * statement that takes longer than `statementMs` is given up, and the lane goes on; requests wait for one to ride on for twice this.
 */
export function createLookups(keys: Pick<Ports['keys'], 'records'>, ports: Pick<Ports, 'log' | 'metrics'>, statementMs: number): Lookups {
  const known = new LRUCache<string, true>({ max: maxKnownKeys })

  function open(name: LaneName): Lane {
    let unfinished = 0
    let isFailing = false
    const ask = async (ids: string[]): Promise<readonly KeyRecord[]> => {
      if (unfinished >= maxOpen) throw new Undecided('silent')
      ports.metrics.lookedUp(name)
      const asked = keys.records(ids).finally(() => unfinished--)
      unfinished++
      let patience: NodeJS.Timeout | undefined
      const silence = new Promise<never>((_, reject) => {
        // A process that was busy for longer reads an answer that is there already before it gives up.
        patience = setTimeout(() => setImmediate(reject, new Undecided('silent')), statementMs)
      })
      try {
        const rows = await Promise.race([asked, silence])
        isFailing = false
        return rows
      } catch (error) {
        const undecided = error instanceof Undecided ? error : new Undecided('failed')
        // Once, until a statement is answered again: how many fail is up to whoever asks.
        if (!isFailing) ports.log.error({ error: (error as Error).name, reason: undecided.reason, lane: name }, 'keys could not be looked up for verification')
        isFailing = true
        throw undecided
      } finally {
        clearTimeout(patience)
      }
    }
    // The embedded database answers before anything else is read: without `turn` each request would get a statement of its own, and nobody else a turn.
    return createLane(ask, { maxWaiting: maxWaiting[name], maxWaitMs: 2 * statementMs, gather: () => turn() })
  }

  const lanes: Readonly<Record<LaneName, Lane>> = { known: open('known'), unknown: open('unknown') }
  return {
    record: (text, id, departures) => lanes[known.get(hashOf(text)) ? 'known' : 'unknown'].record(id, departures),
    decided: (text, code) => {
      if (code === 'VALID') known.set(hashOf(text), true)
      // A key that is asked for the wrong instance is as good as before.
      else if (code !== 'WRONG_INSTANCE') known.delete(hashOf(text))
    },
    waiting: () => ({ known: lanes.known.waiting, unknown: lanes.unknown.waiting }),
  }
}
