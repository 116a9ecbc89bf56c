/** The maximum number of ids in one statement. */
const maxBatch = 500

/** Why the server cannot decide: too many requests wait, the statement timed out or failed, or the client is gone. */
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

/** Called when the client disconnects. */
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
  /** Waits before each statement until arrived requests are read. */
  readonly gather: () => Promise<unknown>
}

export interface Lane<Row> {
  /** Returns the row with this id from a statement sent after this call, or null. Throws `Undecided`. A client that disconnects loses its place. */
  record(id: string, departures: Departures): Promise<Row | null>
  /** How many wait for the next statement. */
  readonly waiting: number
}

/**
 * Runs one statement at a time. A request that arrives while it runs uses the next one, since this result may be older than the request.
 * At most `maxWaiting` requests wait. One that waited longer than `maxWaitMs` is refused: its gateway has given up, or soon will.
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
