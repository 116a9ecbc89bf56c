import type { Ports } from '../ports.ts'
import type { Membership } from '../topic.ts'
import type { Answer, CountsGroup, NextCounts } from './counts-group.ts'
import type { Rights } from './rights.ts'

export interface CountsDelivery {
  /** Sends what a round found: what changed to those who had the answer before, and everything to those who wait. */
  deliver(group: CountsGroup, next: NextCounts): void
  /** Sends everything to one member: from memory, unless something newer may be on its way. */
  deliverAll(group: CountsGroup, member: Membership): void
}

/** Sends what groups of counts have read. `isChanging` says whether a round is due or runs; `plan` has one begin. */
export function createCountsDelivery(
  metrics: Ports['metrics'],
  rights: Pick<Rights, 'occurredAt'>,
  { isChanging, plan }: { isChanging: () => boolean; plan: () => void },
): CountsDelivery {
  function sendWhole(group: CountsGroup, member: Membership, { json, version }: Answer): void {
    group.waiting.delete(member)
    if (member.subscriber.isBehind) untilRead(group, member)
    else {
      group.current.add(member)
      member.subscriber.send(json, version)
      metrics.delivered(1)
    }
  }

  /** Sends nothing until the member has read what it got; then everything. One who is gone is left alone until its transport says so. */
  function untilRead(group: CountsGroup, member: Membership): void {
    group.current.delete(member)
    metrics.conflated()
    void member.subscriber.drained().then((isThere) => {
      if (isThere && group.members.has(member)) deliverAll(group, member)
    })
  }

  function deliverAll(group: CountsGroup, member: Membership): void {
    if (group.whole && !group.dirty && !isChanging()) sendWhole(group, member, group.whole)
    else {
      group.waiting.add(member)
      plan()
    }
  }

  return {
    deliver: (group, { changed, last, whole }) => {
      group.last = last
      group.whole = whole
      // Alone what a delivery needs stands in this loop: it runs ten thousand times per change.
      let delivered = 0
      if (changed) {
        for (const member of group.current) {
          if (member.subscriber.isBehind) untilRead(group, member)
          else {
            member.subscriber.send(changed.json, changed.version)
            delivered++
          }
        }
      }
      metrics.delivered(delivered)
      // What newcomers get may be as old as it likes.
      if (delivered > 0) metrics.lag(rights.occurredAt)
      // Those who came while newer numbers are on their way wait for these.
      if (whole && !group.dirty) for (const member of group.waiting) sendWhole(group, member, whole)
    },
    deliverAll,
  }
}
