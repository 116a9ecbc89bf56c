import { AsyncLocalStorage } from 'node:async_hooks'

export interface AsyncVariable<Value> {
  /** Runs `body`; all code that it starts can read the value, until the promise that it returned is settled. */
  run<Answer>(value: Value, body: () => Answer): Answer
  /** The value that this code runs with. */
  get(): Value | undefined
}

/**
 * A value that follows the code through its promises. It costs nothing while no code runs with one: Node before 24 calls a hook for every
 * promise and every tick of the process from the first use of an `AsyncLocalStorage` on, until it is disabled, and verification needs none.
 */
export function createAsyncVariable<Value>(): AsyncVariable<Value> {
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
        return answer
      } finally {
        if (answer instanceof Promise) answer.then(ended, ended)
        else ended()
      }
    },
    get: () => storage.getStore(),
  }
}
