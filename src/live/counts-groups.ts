import { notFound } from '../errors.ts'
import type { Ports } from '../ports.ts'
import { type Groups, type Membership, visibility } from '../topic.ts'
import { createRounds, retryMs } from './batching.ts'
import { createCountsDelivery } from './counts-delivery.ts'
import { type CountsGroup, isDue, newCountsGroup, nextCounts, readCounts } from './counts-group.ts'
import { createGroupRegistry } from './registered-groups.ts'
import type { Rights } from './rights.ts'

export interface CountsGroups extends Groups {
  /** The numbers of these organizations, apps and instances may have changed. */
  countsChanged(subjectIds: readonly string[]): void
}

/**
 * The counts of one organization. Each group is read, executed and serialised once per change for all members: one statement for all affected
 * groups of a scope, at most every 50 ms. A slow reader misses counts in between, never the newest. `retry` returns whether a failure may be
 * temporary; after any other failure the subscriptions end with it.
 */
export function createCountsGroups(ports: Pick<Ports, 'keys' | 'metrics'>, rights: Rights, retry: (error: unknown) => boolean): CountsGroups {
  const registered = createGroupRegistry<CountsGroup>()
  /** The organization changed, and the affected groups are not known yet. */
  let isUnread = false
  const rounds = createRounds(round, () => isUnread || registered.groups().some(isDue))
  const delivery = createCountsDelivery(ports.metrics, rights, { isChanging: () => isUnread || rounds.isRunning, plan: rounds.plan })

  async function round(): Promise<number | undefined> {
    let due: CountsGroup[] = []
    try {
      if (isUnread) await readChanges()
      due = registered.groups().filter(isDue)
      const rows = await readCounts(ports.keys, due)
      const found = await Promise.all(due.map(async (group) => ({ group, next: await nextCounts(group, rows.get(group)) })))
      // After all reads, so that no member gets what an earlier event took away.
      if (due.length > 0) await rights.refresh()
      for (const { group, next } of found) next ? delivery.deliver(group, next) : endAll(group, notFound())
      return
    } catch (error) {
      const passes = retry(error)
      for (const group of due) {
        group.dirty = true
        if (!passes) endAll(group, error)
      }
      return retryMs
    }
  }

  /** Marks only affected groups, so that with a thousand badges one change does not read a thousand rows. */
  async function readChanges(): Promise<void> {
    isUnread = false
    await rights.refresh().catch((error: unknown) => {
      isUnread = true
      throw error
    })
  }

  function leave(member: Membership): void {
    const group = registered.leave(member)
    group?.current.delete(member)
    group?.waiting.delete(member)
  }

  function end(member: Membership, error: unknown): void {
    leave(member)
    member.subscriber.end(error)
  }

  function endAll(group: CountsGroup, error: unknown): void {
    for (const member of group.members) end(member, error)
  }

  return {
    members: registered.members,
    get groups() {
      return registered.groups().length
    },
    place: (member, scope) => {
      const seen = visibility(member, scope)
      if (registered.groupOf(member)?.key === seen.key) return
      leave(member)
      const [group = newCountsGroup(member, seen)] = registered.withKey(seen.key)
      registered.enter(member, group)
      member.operation = group.operation
      delivery.deliverAll(group, member)
    },
    leave,
    end,
    changed: () => {
      isUnread = registered.groups().length > 0
      if (isUnread) rounds.plan()
    },
    countsChanged: (subjectIds) => {
      const changed = new Set(subjectIds)
      const concerned = registered.groups().filter(({ ids }) => ids.some((id) => changed.has(id)))
      for (const group of concerned) group.dirty = true
      if (concerned.length > 0) rounds.plan()
    },
  }
}
