import { setImmediate as yieldToOthers } from 'node:timers/promises'

/** Each call resolves in its own turn of the event loop, in order, so that verification gets turns between many calls. */
export function createTurns(): () => Promise<void> {
  let last: Promise<void> = Promise.resolve()
  return () => {
    last = last.then(() => yieldToOthers())
    return last
  }
}
