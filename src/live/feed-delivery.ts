import type { Ports } from '../ports.ts'
import type { Membership } from '../topic.ts'
import { createFeedReader, type FeedGroup } from './feed-group.ts'
import type { Rights } from './rights.ts'

/** Delivers the next events to a group, up to the version `newest`. `setAside` removes a member from the group that has not read what it got. */
export function createFeedDelivery(
  ports: Pick<Ports, 'metrics' | 'events'>,
  rights: Pick<Rights, 'refresh' | 'occurredAt'>,
  setAside: (group: FeedGroup, member: Membership) => void,
): (group: FeedGroup, newest: bigint) => Promise<void> {
  const read = createFeedReader(ports.events)

  function send(group: FeedGroup, member: Membership, json: string, version: bigint): void {
    if (member.subscriber.isBehind) setAside(group, member)
    else {
      ports.metrics.delivered(1)
      member.subscriber.send(json, version)
    }
  }

  return async (group, newest) => {
    const { answers, upTo } = await read(group, newest)
    // After all reads: a member that lost a right by then left the group, or moved to another one with the old position.
    await rights.refresh()
    for (const { json, version } of answers) {
      for (const member of group.members) send(group, member, json, version)
      group.position = version
    }
    group.position = upTo
    if (answers.length > 0 && group.isLive) ports.metrics.lag(rights.occurredAt)
  }
}
