import { AsyncLocalStorage } from 'node:async_hooks'

export interface Context<Value> {
  /** Runs `body`; all code that it starts can read the value, until the promise that it returned is settled. */
  run<Answer>(value: Value, body: () => Answer): Answer
  /** The value that this code runs with. */
  current(): Value | undefined
}

/**
 * A value that follows the code through its promises. It costs nothing while no code runs with one: Node before 24 calls a hook for every
 * promise and every tick of the process from the first use of such a storage on, until it is disabled, and verification needs none.
 */
export function createContext<Value>(): Context<Value> {
  const storage = new AsyncLocalStorage<Value>()
  let running = 0
  const ended = (): void => {
    running--
    if (running === 0) storage.disable()
  }
  return {
    run: (value, body) => {
      running++
      let answer: ReturnType<typeof body> | undefined
      try {
        answer = storage.run(value, body)
      } catch (error) {
        ended()
        throw error
      }
      if (answer instanceof Promise) answer.then(ended, ended)
      else ended()
      return answer
    },
    current: () => storage.getStore(),
  }
}
