import type { Counts } from '../keys/model.ts'
import type { Topic } from '../topic.ts'
import type { Context } from './context.ts'

/**
 * What a subscription field opens: not a stream of its own, but what there is to follow, and how its answers are made. The hub follows it,
 * once for all whose answers are the same. It is an async iterable in name only, since graphql-js asks for one.
 */
export class LiveSource implements AsyncIterable<never> {
  readonly topic: Topic
  /** The value that the field resolves from, of the counts that changed. */
  readonly ofCounts: (changed: readonly Counts[]) => unknown
  /** Events above `after` with the client's own selection, as `context` may see them. */
  readonly read: (context: Context, after: bigint, upTo: bigint, take: number) => Promise<{ version: bigint }[]>

  constructor(topic: Topic, how: Partial<Pick<LiveSource, 'ofCounts' | 'read'>>) {
    const missing = (): never => {
      throw new Error('this source has nothing of that kind')
    }
    this.topic = topic
    this.ofCounts = how.ofCounts ?? missing
    this.read = how.read ?? missing
  }

  [Symbol.asyncIterator](): AsyncIterator<never> {
    throw new Error('a live source is followed through the hub')
  }
}
