import { setImmediate as yieldToOthers } from 'node:timers/promises'
import pLimit from 'p-limit'
import type { Scope } from '../access/scope.ts'
import { resync } from '../errors.ts'
import type { Ports } from '../ports.ts'
import { feedBatch, type Membership } from '../topic.ts'
import { createRounds, type Rounds } from './batching.ts'

/** Who gets a feed, and up to which version. */
export interface FeedPlace {
  readonly key: string
  readonly scope: Scope
  /** Events up to here were delivered. */
  readonly position: bigint
}

/** Subscribers who get the same events from the same position. */
export interface FeedGroup extends FeedPlace {
  readonly operation: Membership['operation']
  readonly members: Set<Membership>
  position: bigint
  /** Was at the newest version once: what it reads since then is new. */
  isLive: boolean
  /** Whether it must check for a newer version. */
  dirty: boolean
  readonly rounds: Rounds
}

/** A group without members. `isShort` returns whether a version that was read is not delivered yet; `round` delivers it. */
export function newFeedGroup(
  operation: Membership['operation'],
  place: FeedPlace,
  isShort: (place: FeedPlace) => boolean,
  round: (group: FeedGroup) => Promise<number | undefined>,
): FeedGroup {
  const rounds = createRounds(
    () => round(group),
    () => group.members.size > 0 && (group.dirty || isShort(group)),
  )
  const group: FeedGroup = { ...place, operation, members: new Set(), isLive: !isShort(place), dirty: false, rounds }
  return group
}

/** Events that were read and executed for a group, in order, and the version up to which they are complete. */
export interface FeedAnswers {
  readonly answers: readonly { readonly json: string; readonly version: bigint }[]
  readonly upTo: bigint
}

/**
 * Reads the next events for groups. Two groups of an organization read past events at a time, and two read new ones: the database has time for
 * others when many clients reconnect, and past readers never delay live ones.
 */
export function createFeedReader(events: Pick<Ports['events'], 'occurredAt'>): (group: FeedGroup, upTo: bigint) => Promise<FeedAnswers> {
  const [readingPast, readingNew] = [pLimit(2), pLimit(2)]

  async function read({ isLive, operation, scope, position }: FeedGroup, upTo: bigint): Promise<FeedAnswers> {
    // The embedded database never pauses: sockets and pings get their turn here.
    await yieldToOthers()
    // Old events are deleted at some time, possibly while a client reads them.
    if (!isLive && !(await events.occurredAt(scope.organizationId, position + 1n))) throw resync()
    const execution = operation.under(scope)
    const rows = await execution.read(position, upTo, feedBatch)
    const answers = await Promise.all(rows.map(async (row) => ({ json: await execution.ofEvent(row), version: row.version })))
    return { answers, upTo: rows.length < feedBatch ? upTo : (rows.at(-1)?.version ?? upTo) }
  }

  return (group, upTo) => (group.isLive ? readingNew : readingPast)(() => read(group, upTo))
}
