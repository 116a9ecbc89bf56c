import { setImmediate as turn } from 'node:timers/promises'
import type { KeyRecord } from '../keys/model.ts'
import type { Ports } from '../ports.ts'
import { createLane, type Lane, Undecided } from './lane.ts'
import type { Hands } from './marks.ts'
import type { Hand, Moment } from './moment.ts'
import type { VerificationStore } from './store.ts'

export type LaneName = 'marks' | 'known' | 'unknown'

/** How many requests of each lane may wait for the next statement; more are refused. The first two lanes hold keys that were valid once. */
const maxWaiting: Readonly<Record<LaneName, number>> = { marks: 10_000, known: 10_000, unknown: 2_000 }
/** Maximum of unfinished statements of a lane, given up or not; at the limit no more are sent, so that they do not pile up at the database. */
const maxOpen = 8

/** A key's row, and the mark of its organization from the same snapshot. */
export interface Found {
  readonly record: KeyRecord
  readonly hand: Hand
}

export interface Lookups {
  /** Marks of organizations, for keys that are in memory. */
  readonly marks: Lane<Hand>
  /** Keys found valid here recently, and all other keys: junk never delays `known`. */
  readonly known: Lane<Found>
  readonly unknown: Lane<Found>
  /** How many wait in each lane. */
  waiting(): Readonly<Record<LaneName, number>>
}

interface Ground {
  readonly store: Pick<VerificationStore, 'marks' | 'records'>
  readonly hands: Pick<Hands, 'put'>
  readonly moment: () => Moment
  /** The process's own mark, used instead of the database's mark; null when nodes share that mark. */
  readonly ownMark: { readonly current: string } | null
}

/**
 * Reads what verification needs, with one statement at a time in each of three lanes. Keeps no rows. A statement that takes longer than
 * `statementMs` is given up, and the lane continues; requests wait up to twice this for one.
 */
export function createLookups({ store, hands, moment, ownMark }: Ground, ports: Pick<Ports, 'log' | 'metrics'>, statementMs: number): Lookups {
  function open<Row>(name: LaneName, read: (ids: string[]) => Promise<ReadonlyMap<string, Row>>): Lane<Row> {
    let unfinished = 0
    let isFailing = false
    const ask = async (ids: string[]): Promise<ReadonlyMap<string, Row>> => {
      if (unfinished >= maxOpen) throw new Undecided('silent')
      ports.metrics.lookedUp(name, ids.length)
      const asked = read(ids).finally(() => unfinished--)
      unfinished++
      let patience: NodeJS.Timeout | undefined
      const silence = new Promise<never>((_, reject) => {
        // A process that was busy for longer reads a result that already arrived before it gives up.
        patience = setTimeout(() => setImmediate(reject, new Undecided('silent')), statementMs)
      })
      try {
        const rows = await Promise.race([asked, silence])
        isFailing = false
        return rows
      } catch (error) {
        const undecided = error instanceof Undecided ? error : new Undecided('failed')
        // Logged once until a statement succeeds: clients control how many fail.
        if (!isFailing) ports.log.error({ error: (error as Error).name, reason: undecided.reason, lane: name }, 'keys could not be looked up for verification')
        isFailing = true
        throw undecided
      } finally {
        clearTimeout(patience)
      }
    }
    // The embedded database responds before other input is read: without `turn` each request gets its own statement, and other work gets no turn.
    return createLane(ask, { maxWaiting: maxWaiting[name], maxWaitMs: 2 * statementMs, gather: () => turn() })
  }

  const readKeys = async (ids: string[]): Promise<ReadonlyMap<string, Found>> => {
    // Taken before the statement is sent: its rows may miss a denial from now on.
    const [sentAt, own] = [moment(), ownMark?.current]
    const found = (await store.records(ids)).map((record) => ({
      record,
      hand: { mark: own ?? record.mark, sentAt, databaseTime: record.readAt.getTime() },
    }))
    for (const { record, hand } of found) hands.put(record.organizationId, hand)
    return new Map(found.map((each) => [each.record.id, each]))
  }
  const readMarks = async (ids: string[]): Promise<ReadonlyMap<string, Hand>> => {
    const sentAt = moment()
    const rows = await store.marks(ids)
    const read = new Map(rows.map(({ organizationId, mark, readAt }) => [organizationId, { mark, sentAt, databaseTime: readAt.getTime() }]))
    for (const [organizationId, hand] of read) hands.put(organizationId, hand)
    return read
  }
  const lanes = { marks: open('marks', readMarks), known: open('known', readKeys), unknown: open('unknown', readKeys) }
  return { ...lanes, waiting: () => ({ marks: lanes.marks.waiting, known: lanes.known.waiting, unknown: lanes.unknown.waiting }) }
}
