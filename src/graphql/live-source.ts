import type { Counts } from '../keys/model.ts'
import type { Topic } from '../topic.ts'
import type { Context } from './context.ts'

/** Events above `after` with the client's own selection, as `context` may see them. */
type Read<Row> = (context: Context, after: bigint, upTo: bigint, take: number) => Promise<Row[]>

interface Source {
  readonly topic: Topic
  readonly ofCounts: (changed: readonly Counts[]) => unknown
  readonly read: Read<{ version: bigint }>
}

/**
 * What a subscription field opens: not a stream of its own, but what there is to follow, and how its answers are made. The hub follows it,
 * once for all whose answers are the same. It is an async iterable in name only, since graphql-js asks for one; what it would bring is what the
 * field resolves from.
 */
export class LiveSource<Value> implements AsyncIterable<Value>, Source {
  readonly topic: Topic
  readonly ofCounts: Source['ofCounts']
  readonly read: Source['read']

  constructor({ topic, ofCounts, read }: Source) {
    this.topic = topic
    this.ofCounts = ofCounts
    this.read = read
  }

  [Symbol.asyncIterator](): AsyncIterator<Value> {
    throw new Error('a live source is followed through the hub')
  }
}

const otherKind = (): never => {
  throw new Error('this source has nothing of that kind')
}

type Subject = Omit<Topic, 'source'>

/** Follows the counts of these organizations, apps and instances; the field resolves from what `answer` makes of those that changed. */
export const countsSource = <Value>(topic: Subject & { ids: readonly string[] }, answer: (changed: readonly Counts[]) => Value): LiveSource<Value> => {
  const { ids, ...subject } = topic
  return new LiveSource<Value>({ topic: { ...subject, source: { kind: 'counts', ids } }, ofCounts: answer, read: otherKind })
}

/** Follows events after a version; the field resolves from each of the rows that `read` brings. */
export const feedSource = <Row extends { version: bigint }>(topic: Subject & { after: bigint | null }, read: Read<Row>): LiveSource<Row> => {
  const { after, ...subject } = topic
  return new LiveSource<Row>({ topic: { ...subject, source: { kind: 'feed', after } }, ofCounts: otherKind, read })
}
