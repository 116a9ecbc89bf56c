/** How long to wait for what can be batched. */
export const batchMs = 50

/** For a DataLoader: the first load runs at once; loads within 50 ms of a statement share the next one. */
export function batchSchedule(): (ask: () => void) => void {
  let last = -batchMs
  return (ask) => {
    const waitMs = Math.max(0, last + batchMs - performance.now())
    last = performance.now() + waitMs
    setTimeout(ask, waitMs)
  }
}

/** Runs `work` once at a time: calls during a run share the next run, which begins after them. */
export function coalesce<Answer>(work: () => Promise<Answer>): () => Promise<Answer> {
  let running: Promise<unknown> | null = null
  let next: Promise<Answer> | null = null
  const start = (): Promise<Answer> => {
    const run = work()
    const ended = run
      .catch(() => undefined)
      .then(() => {
        if (running === ended) running = null
      })
    running = ended
    return run
  }
  return () => {
    if (!running) return start()
    next ??= running.then(() => {
      next = null
      return start()
    })
    return next
  }
}

/** The time after which a failed round is retried. */
export const retryMs = 500

export interface Rounds {
  /** Starts a round as soon as allowed. Does nothing while one is planned or runs: that round checks whether another is due. */
  plan(): void
  readonly isRunning: boolean
}

/** Runs `round` once at a time, at most every 50 ms, and repeats it while `isDue`; `round` may return another pause. */
export function createRounds(round: () => Promise<number | undefined>, isDue: () => boolean): Rounds {
  let state: 'idle' | 'planned' | 'running' = 'idle'
  let lastStart = -batchMs

  async function run(): Promise<void> {
    state = 'running'
    lastStart = performance.now()
    const pauseMs = await round()
    state = 'idle'
    if (isDue()) planIn(pauseMs)
  }

  function planIn(waitMs = lastStart + batchMs - performance.now()): void {
    if (state !== 'idle') return
    state = 'planned'
    setTimeout(run, Math.max(0, waitMs))
  }

  return {
    plan: () => planIn(),
    get isRunning() {
      return state === 'running'
    },
  }
}
