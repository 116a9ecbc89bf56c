import type { Log } from '../ports.ts'

/** Runs `work` at once, and again `pauseMs` after each end; logs a failure once until `work` succeeds again. */
export function createRepeater(pauseMs: number, work: () => Promise<void>, log: Log): { stop(): Promise<void> } {
  let stopped = false
  let failing = false
  let timer: NodeJS.Timeout | undefined
  const run = async (): Promise<void> => {
    try {
      await work()
      failing = false
    } catch (error) {
      if (!failing && !stopped) log.warn({ error: (error as Error).name }, 'background work failed; it is tried again')
      failing = true
    }
  }
  let running = Promise.resolve()
  const turn = (): void => {
    running = run().then(() => {
      if (!stopped) timer = setTimeout(turn, pauseMs)
    })
  }
  turn()
  return {
    stop: async () => {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}
