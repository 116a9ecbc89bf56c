import { setImmediate as yieldToOthers } from 'node:timers/promises'

/** Each call resolves in its own turn of the event loop, in order, so that verification gets turns between many calls. */
export function createTurns(): () => Promise<void> {
  let last: Promise<void> = Promise.resolve()
  return () => {
    last = last.then(() => yieldToOthers())
    return last
  }
}

/** How many small tasks run in one turn: together they take as long as a verification that is read. */
const tasksPerTurn = 8

/** Runs small tasks in their order, a few of them in each turn of the event loop. A task must not throw. */
export function createTasks(): (task: () => void) => void {
  const waiting: (() => void)[] = []
  let isScheduled = false
  const schedule = (): void => {
    isScheduled = true
    setImmediate(run)
  }
  const run = (): void => {
    isScheduled = false
    for (const task of waiting.splice(0, tasksPerTurn)) task()
    if (waiting.length > 0 && !isScheduled) schedule()
  }
  return (task) => {
    waiting.push(task)
    if (!isScheduled) schedule()
  }
}
