/** At most this many ids are asked for in one statement. */
const maxBatch = 500

/** Why the server cannot know: too many wait, the statement did not answer or failed; or nobody is left to be told. */
type Reason = 'busy' | 'silent' | 'failed' | 'gone'

/** Thrown in place of an outcome. */
export class Undecided extends Error {
  override readonly name = 'Undecided'
  readonly reason: Reason

  constructor(reason: Reason) {
    super(reason)
    this.reason = reason
  }
}

/** What to call when the client is gone. */
export type Departures = Set<() => void>

interface Rider<Row> {
  readonly since: number
  readonly departures: Departures
  readonly leave: () => void
  readonly answer: (row: Row | null) => void
  readonly refuse: (reason: unknown) => void
}

interface Bounds {
  readonly maxWaiting: number
  readonly maxWaitMs: number
  /** Waits before each statement until whatever has arrived is read. */
  readonly gather: () => Promise<unknown>
}

export interface Lane<Row> {
  /** The row with this id from a statement that was sent after this call; null when there is none. Throws `Undecided`. Who departs gives up the place. */
  record(id: string, departures: Departures): Promise<Row | null>
  /** How many wait for the next statement. */
  readonly waiting: number
}

/**
 * One statement at a time: who comes while it is under way rides on the next one, never on this one, whose answer may be older than the request.
 * At most `maxWaiting` wait, and whoever waited for longer than `maxWaitMs` is not asked for any more: their gateway has given up, or soon will.
 */
export function createLane<Row>(ask: (ids: string[]) => Promise<ReadonlyMap<string, Row>>, { maxWaiting, maxWaitMs, gather }: Bounds): Lane<Row> {
  /** By id, in the order of arrival. */
  const queue = new Map<string, Set<Rider<Row>>>()
  let waiting = 0
  let isAsking = false

  function board(): Map<string, Set<Rider<Row>>> {
    const boarded = new Map<string, Set<Rider<Row>>>()
    const latest = performance.now() - maxWaitMs
    for (const [id, riders] of queue) {
      if (boarded.size === maxBatch) break
      queue.delete(id)
      waiting -= riders.size
      for (const rider of riders) {
        rider.departures.delete(rider.leave)
        if (rider.since >= latest) continue
        riders.delete(rider)
        rider.refuse(new Undecided('busy'))
      }
      if (riders.size > 0) boarded.set(id, riders)
    }
    return boarded
  }

  async function run(): Promise<void> {
    isAsking = true
    for (;;) {
      await gather()
      const boarded = board()
      if (boarded.size === 0) break
      try {
        const rows = await ask([...boarded.keys()])
        for (const [id, riders] of boarded) for (const rider of riders) rider.answer(rows.get(id) ?? null)
      } catch (error) {
        for (const riders of boarded.values()) for (const rider of riders) rider.refuse(error)
      }
    }
    isAsking = false
  }

  return {
    record: (id, departures) =>
      new Promise((answer, refuse) => {
        if (waiting >= maxWaiting) return refuse(new Undecided('busy'))
        const riders = queue.get(id) ?? new Set<Rider<Row>>()
        const leave = (): void => {
          waiting--
          departures.delete(leave)
          riders.delete(rider)
          if (riders.size === 0) queue.delete(id)
          refuse(new Undecided('gone'))
        }
        const rider: Rider<Row> = { since: performance.now(), departures, leave, answer, refuse }
        queue.set(id, riders.add(rider))
        departures.add(leave)
        waiting++
        if (!isAsking) void run()
      }),
    get waiting() {
      return waiting
    },
  }
}
