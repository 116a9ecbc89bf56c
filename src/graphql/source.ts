import type { Context } from './context.ts'

/** An error that ends a subscription after it opened; thrown again where the event is resolved, so that the client is told. */
class Failure {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

/**
 * Opens a subscription's source. What `open` awaits comes first, and of a plain generator the first value, so that a refusal is an answer to
 * the subscribing itself; a later error is the last event. The signal is aborted as soon as the client leaves
 * or the credential ends, also while a value is awaited.
 */
export async function openSource<Value>(
  { actor, ports }: Pick<Context, 'actor' | 'ports'>,
  open: (signal: AbortSignal) => AsyncGenerator<Value, void, undefined> | Promise<AsyncGenerator<Value, void, undefined>>,
): Promise<AsyncIterable<Value>> {
  const leaving = new AbortController()
  const opening = open(leaving.signal)
  const values = await opening
  // The credential's end is the stream's, also while nothing happens. setTimeout takes at most 2^31-1 ms.
  const left = Math.min(Math.max(actor.expiresAt.getTime() - ports.clock.now().getTime(), 0), 2_147_483_647)
  const expiry = setTimeout(() => leaving.abort(), left)
  leaving.signal.addEventListener('abort', () => clearTimeout(expiry))
  let first: IteratorResult<Value, void> | null = null
  try {
    if (!(opening instanceof Promise)) first = await values.next()
  } catch (error) {
    leaving.abort()
    throw error
  }
  let ended = false
  const iterator: AsyncIterableIterator<Value> = {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      if (ended) return { done: true, value: undefined }
      const held = first
      first = null
      try {
        const result = held ?? (await values.next())
        if (result.done) clearTimeout(expiry)
        return result
      } catch (error) {
        ended = true
        clearTimeout(expiry)
        return { done: false, value: new Failure(error) as Value }
      }
    },
    async return() {
      ended = true
      leaving.abort()
      await values.return()
      return { done: true, value: undefined }
    },
  }
  return iterator
}

/** The value of an event from `openSource`. */
export function received<Value>(value: Value): Value {
  if (value instanceof Failure) throw value.error
  return value
}
