import { createAsyncVariable } from '../async-variable.ts'

/** Each lane has its own connections; in the embedded database's queue verifications go first. */
export type Lane = 'operations' | SharedLane | 'system'
/** Those of statements that serve many requests at once. */
export type SharedLane = 'verification' | 'callers'

/** How many statements or transactions of one operation run at once: an operation of many fields leaves connections to others. */
const maxConnectionsPerOperation = 2

/**
 * What the statements of one asynchronous flow are for, and whether they are still wanted. Cancelling drops statements that wait and stops those
 * that run, until COMMIT is sent: after that the change, its payload and its response run to their end.
 */
export class Work {
  readonly lane: Lane
  /** Gives up its place among the running operations: called when its response is ready, or it waits for something other than the database. */
  leaveQueue: () => void = () => undefined
  readonly #stops = new Set<() => void>()
  #taken = 0
  readonly #waiting: (() => void)[] = []
  #reason: Error | null = null
  #isCommitting = false
  #hasCommitted = false

  constructor(lane: Lane) {
    this.lane = lane
  }

  /** Takes a connection or a place while the function runs. */
  async place<Answer>(use: () => Promise<Answer>): Promise<Answer> {
    // Who leaves gives its place to who waits.
    if (this.#taken === maxConnectionsPerOperation) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#taken++
    try {
      return await use()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#taken--
    }
  }

  /** Why its statements are no longer wanted; null while they are. */
  get reason(): Error | null {
    return this.#reason
  }

  /** The same, as long as that stops its statements: null from the COMMIT on. */
  get stoppedBy(): Error | null {
    return this.#isCommitting ? null : this.#reason
  }

  /** Whether any COMMIT of it was sent, so that its response must be sent. */
  get hasCommitted(): boolean {
    return this.#hasCommitted
  }

  /** Throws the reason if the work was cancelled, unless COMMIT was sent. */
  check(): void {
    if (this.stoppedBy) throw this.stoppedBy
  }

  /** Starts a change, which can be cancelled again. */
  begin(): void {
    if (this.#reason) throw this.#reason
    this.#isCommitting = false
  }

  /** Called just before COMMIT is sent: throws the reason, or else nothing stops the change any more. */
  commit(): void {
    if (this.#reason) throw this.#reason
    this.#isCommitting = true
    this.#hasCommitted = true
  }

  cancel(reason: Error): void {
    if (this.#reason) return
    this.#reason = reason
    if (this.#isCommitting) return
    for (const stop of [...this.#stops]) stop()
  }

  /** Resolves to the answer, or rejects with the reason as soon as the work is cancelled. */
  race<Answer>(answer: PromiseLike<Answer>): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      const forget = this.onCancel(() => reject(this.#reason))
      answer.then(resolve, reject).then(forget)
    })
  }

  /** Calls `stop` when the work is cancelled, at once if it already was; returns a function to undo that. */
  onCancel(stop: () => void): () => void {
    if (this.stoppedBy) stop()
    else this.#stops.add(stop)
    return () => void this.#stops.delete(stop)
  }
}

const variable = createAsyncVariable<Work | null>()

/** The work of the statement about to be sent; null for the server's own work. */
export const currentWork = (): Work | null => variable.get() ?? null

// Prisma sends a statement only when it is awaited, so it is awaited inside.
export const runAs = <Answer>(work: Work | null, run: () => PromiseLike<Answer>): Promise<Answer> => variable.run(work, async () => await run())

/** Runs a read for many clients, or for the server itself: no cancellation stops it. */
export const runForAll = async <Answer>(run: () => PromiseLike<Answer>): Promise<Answer> => (currentWork() === null ? run() : runAs(null, run))

/** Starts work that continues after the call. */
export const startForAll = (start: () => void): void => variable.run(null, start)
