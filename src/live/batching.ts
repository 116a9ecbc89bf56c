/** How long what can go together is waited for. */
export const batchMs = 50

/** For a DataLoader: the first asks at once, and those that come within 50 ms of a statement share the next one. */
export function batchSchedule(): (ask: () => void) => void {
  let last = -batchMs
  return (ask) => {
    const waitMs = Math.max(0, last + batchMs - performance.now())
    last = performance.now() + waitMs
    setTimeout(ask, waitMs)
  }
}

/** Runs `work` once at a time: calls that come while it runs share the next run, which begins after them. */
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

/** The time after which a round that failed is tried again. */
export const retryMs = 500

export interface Rounds {
  /** Has a round begin as soon as it may. Does nothing while one is planned or runs: that one sees for itself whether another is due. */
  plan(): void
  readonly isRunning: boolean
}

/** Runs `round` once at a time and at most every 50 ms, again as long as `isDue`; `round` returns how long to pause, when not only until then. */
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
