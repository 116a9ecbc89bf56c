import { AsyncLocalStorage } from 'node:async_hooks'
import pLimit from 'p-limit'

/** Connections, or places in the queue of the embedded database, that wait for nobody of another lane. */
export type Lane = 'operations' | 'verification' | 'system'

/** How many statements or transactions of one operation are under way at once: an operation of many fields leaves connections to others. */
const maxConnectionsPerOperation = 2

/**
 * What the statements of one asynchronous flow are for, and whether they are still wanted. Cancelling drops statements that wait and stops those
 * that run, until COMMIT is sent: from then on the change, its payload and its answer run to their end.
 */
export class Work {
  readonly lane: Lane
  /** Takes a connection or a place for as long as the function runs. */
  readonly place: <Answer>(use: () => Promise<Answer>) => Promise<Answer>
  /** Gives back its place among the operations that run: called when it is answered, or waits for something else than the database. */
  leaveQueue: () => void = () => undefined
  readonly #stops = new Set<() => void>()
  #reason: Error | null = null
  #isCommitting = false
  #hasCommitted = false

  constructor(lane: Lane) {
    this.lane = lane
    this.place = pLimit(maxConnectionsPerOperation)
  }

  /** Why its statements are no longer wanted; null while they are. */
  get reason(): Error | null {
    return this.#reason
  }

  /** Whether anything of it was committed, so that its answer must be sent. */
  get hasCommitted(): boolean {
    return this.#hasCommitted
  }

  /** Throws the reason once it was cancelled, unless COMMIT was sent before. */
  check(): void {
    if (this.#reason && !this.#isCommitting) throw this.#reason
  }

  /** A change begins, which can be stopped again. */
  begin(): void {
    if (this.#reason) throw this.#reason
    this.#isCommitting = false
  }

  /** The last moment before COMMIT is sent: throws the reason, or nothing stops the change any more. */
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

  /** The answer, or the reason as soon as it is cancelled, however long the answer takes. */
  race<Answer>(answer: PromiseLike<Answer>): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      const forget = this.onCancel(() => reject(this.#reason))
      answer.then(resolve, reject).then(forget)
    })
  }

  /** Calls `stop` when it is cancelled, at once if it was already; answers how to take that back. */
  onCancel(stop: () => void): () => void {
    if (this.#reason && !this.#isCommitting) stop()
    else this.#stops.add(stop)
    return () => void this.#stops.delete(stop)
  }
}

const current = new AsyncLocalStorage<Work | null>()

/** The work that the statement about to be sent belongs to; null for what the server does by itself. */
export const currentWork = (): Work | null => current.getStore() ?? null

// Prisma sends a statement once somebody waits for it: so it is waited for inside.
export const runAs = <Answer>(work: Work | null, run: () => PromiseLike<Answer>): Promise<Answer> => current.run(work, async () => await run())

/** Runs what is read for many, or for the server itself: nobody's cancellation stops it. */
export const runForAll = <Answer>(run: () => PromiseLike<Answer>): Promise<Answer> => runAs(null, run)

/** Starts what goes on by itself after it was called. */
export const startForAll = (start: () => void): void => current.run(null, start)
