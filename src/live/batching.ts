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
