import type { Ports } from '../ports.ts'
import type { Membership } from '../topic.ts'
import type { Answer, CountsGroup, NextCounts } from './counts-group.ts'
import type { Rights } from './rights.ts'

export interface CountsDelivery {
  /** Sends what a round found: changes to members with the previous answer, and all counts to waiting members. */
  deliver(group: CountsGroup, next: NextCounts): void
  /** Sends all counts to one member: from memory, unless newer counts may be on their way. */
  deliverAll(group: CountsGroup, member: Membership): void
}

/** Sends what groups of counts have read. `isChanging` returns whether a round is due or runs; `plan` starts one. */
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

  /** Sends nothing until the member has read what it got; then all counts. A gone member stays until its transport removes it. */
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
      // This loop contains only what a delivery needs: it runs ten thousand times per change.
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
      // What new members get may be of any age.
      if (delivered > 0) metrics.lag(rights.occurredAt)
      // Waiting members keep waiting while newer numbers are on their way.
      if (whole && !group.dirty) for (const member of group.waiting) sendWhole(group, member, whole)
    },
    deliverAll,
  }
}
