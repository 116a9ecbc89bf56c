import { setImmediate as yieldToOthers } from 'node:timers/promises'
import pLimit from 'p-limit'
import type { Scope } from '../access/scope.ts'
import { resync } from '../errors.ts'
import type { Ports } from '../ports.ts'
import { feedBatch, type Membership } from '../topic.ts'
import { createRounds, type Rounds } from './batching.ts'

/** Who a feed is for, and how far they have it. */
export interface FeedPlace {
  readonly key: string
  readonly scope: Scope
  /** Everything up to here was delivered. */
  readonly position: bigint
}

/** Subscribers who get the same events, and have the same of them. */
export interface FeedGroup extends FeedPlace {
  readonly operation: Membership['operation']
  readonly members: Set<Membership>
  position: bigint
  /** Has stood at the newest version: what it reads since then is new. */
  isLive: boolean
  /** Whether it is to look for a newer version. */
  dirty: boolean
  readonly rounds: Rounds
}

/** A group without members. `isShort` says whether something that was read is still to be delivered, which `round` does. */
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

/** Events that were read and executed for a group, in their order, and the version up to which these are all. */
export interface FeedAnswers {
  readonly answers: readonly { readonly json: string; readonly version: bigint }[]
  readonly upTo: bigint
}

/**
 * Reads for groups what comes next, by one statement. Of one organization two groups at a time: however many come back at once, the database has
 * time for others. Whoever reads what is past never delays those who follow what happens.
 */
export function createFeedReader(events: Pick<Ports['events'], 'occurredAt'>): (group: FeedGroup, upTo: bigint) => Promise<FeedAnswers> {
  const [readingPast, readingNew] = [pLimit(2), pLimit(2)]

  async function read({ isLive, operation, scope, position }: FeedGroup, upTo: bigint): Promise<FeedAnswers> {
    // The embedded database answers without a pause: sockets and pings get their turn here.
    await yieldToOthers()
    // Old events are deleted at some time, and may be while somebody reads them.
    if (!isLive && !(await events.occurredAt(scope.organizationId, position + 1n))) throw resync()
    const execution = operation.under(scope)
    const rows = await execution.read(position, upTo, feedBatch)
    const answers = await Promise.all(rows.map(async (row) => ({ json: await execution.ofEvent(row), version: row.version })))
    return { answers, upTo: rows.length < feedBatch ? upTo : (rows.at(-1)?.version ?? upTo) }
  }

  return (group, upTo) => (group.isLive ? readingNew : readingPast)(() => read(group, upTo))
}
