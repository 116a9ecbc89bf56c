import { setImmediate as yieldToOthers } from 'node:timers/promises'

/** Each answers in a turn of the event loop of its own, in order, so that between many of a kind verification gets its turns. */
export function createTurns(): () => Promise<void> {
  let last: Promise<void> = Promise.resolve()
  return () => {
    last = last.then(() => yieldToOthers())
    return last
  }
}
