import type { Counts } from '../keys/model.ts'
import type { Topic } from '../topic.ts'
import type { Context } from './context.ts'

/** Reads events above `after` that `context` may see, with the client's selection. */
type Read<Row> = (context: Context, after: bigint, upTo: bigint, take: number) => Promise<Row[]>

interface Source {
  readonly topic: Topic
  readonly ofCounts: (changed: readonly Counts[]) => unknown
  readonly read: Read<{ version: bigint }>
}

/**
 * What a subscription field opens: not its own stream, but a topic to follow and how to make its responses. The hub follows it once for all
 * subscribers with the same responses. It is an async iterable only in name, because graphql-js requires one; `Value` is what the field
 * resolves from.
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

/** Follows the counts of these organizations, apps and instances; the field resolves from what `answer` returns for changed ones. */
export const countsSource = <Value>(topic: Subject & { ids: readonly string[] }, answer: (changed: readonly Counts[]) => Value): LiveSource<Value> => {
  const { ids, ...subject } = topic
  return new LiveSource<Value>({ topic: { ...subject, source: { kind: 'counts', ids } }, ofCounts: answer, read: otherKind })
}

/** Follows events after a version; the field resolves from each row that `read` returns. */
export const feedSource = <Row extends { version: bigint }>(topic: Subject & { after: bigint | null }, read: Read<Row>): LiveSource<Row> => {
  const { after, ...subject } = topic
  return new LiveSource<Row>({ topic: { ...subject, source: { kind: 'feed', after } }, ofCounts: otherKind, read })
}
