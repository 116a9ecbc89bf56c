import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'

const requests = new AsyncLocalStorage<string>()

/** Runs `handle` with a new request id, which everything that it starts can read. */
export function withRequestId<Answer>(handle: (id: string) => Answer): Answer {
  const id = randomUUID()
  return requests.run(id, () => handle(id))
}

export const currentRequestId = (): string | undefined => requests.getStore()
