/** An error that ends a subscription after it opened; thrown again where the event is resolved, so that the client is told. */
class Failure {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

/**
 * Opens a subscription's source. What `open` awaits comes first, and of a plain generator the first value, so that a refusal is an answer to
 * the subscribing itself; a later error is the last event. The signal is aborted as soon as the client leaves, also while a value is awaited.
 */
export async function openSource<Value>(
  open: (signal: AbortSignal) => AsyncGenerator<Value, void, undefined> | Promise<AsyncGenerator<Value, void, undefined>>,
): Promise<AsyncIterable<Value>> {
  const leaving = new AbortController()
  const opening = open(leaving.signal)
  const values = await opening
  let first: IteratorResult<Value, void> | null = opening instanceof Promise ? null : await values.next()
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
        return held ?? (await values.next())
      } catch (error) {
        ended = true
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
