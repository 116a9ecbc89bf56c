import type { Ports } from '../ports.ts'
import { type Groups, type Membership, visibility } from '../topic.ts'
import { retryMs } from './batching.ts'
import { createFeedDelivery } from './feed-delivery.ts'
import { type FeedGroup, type FeedPlace, newFeedGroup } from './feed-group.ts'
import { createGroupRegistry, type GroupRegistry } from './registered-groups.ts'
import type { Rights } from './rights.ts'
import { createSlowReaders } from './slow-readers.ts'

export interface FeedGroups extends Groups {
  /** A newer version was read, for any reason. */
  versionRead(): void
}

type Registry = GroupRegistry<FeedGroup>

const groupsAt = (registered: Registry, { key, position }: FeedPlace): FeedGroup[] =>
  [...registered.withKey(key)].filter((group) => group.position === position)

/** Moves all members into another group at the same version, if one exists, and returns it. */
function merge(registered: Registry, group: FeedGroup): FeedGroup | undefined {
  const other = groupsAt(registered, group).find((each) => each !== group)
  if (other) for (const member of group.members) registered.enter(member, other)
  return other
}

/**
 * The feeds of one organization. Groups at the same version are merged: a client that continues from an older version reads events from the
 * table until it reaches the version of another group. So an event is read, executed and serialised once for all live members, and
 * no event is missed or sent twice between past and live events.
 */
export function createFeedGroups(ports: Pick<Ports, 'metrics' | 'events'>, rights: Rights, retry: (error: unknown) => boolean): FeedGroups {
  const registered: Registry = createGroupRegistry()
  const slowReaders = createSlowReaders(put)
  const deliverNext = createFeedDelivery(ports, rights, (group, member) => {
    registered.leave(member)
    slowReaders.add(member, group)
  })

  /** Whether a version that was read is not delivered yet. */
  const isShort = ({ position }: FeedPlace): boolean => rights.hasRead(position + 1n)

  function put(member: Membership, place: FeedPlace): void {
    const [group = newFeedGroup(member.operation, place, isShort, round)] = groupsAt(registered, place)
    member.operation = group.operation
    registered.enter(member, group)
    advance(group)
  }

  function advance(group: FeedGroup): void {
    group.dirty = true
    group.rounds.plan()
  }

  /** Brings the group up to the newest version. */
  async function round(group: FeedGroup): Promise<number | undefined> {
    group.dirty = false
    try {
      const upTo = await rights.refresh()
      while (group.position < upTo && group.members.size > 0) {
        await deliverNext(group, upTo)
        const other = merge(registered, group)
        if (other) advance(other)
      }
      group.isLive = true
    } catch (error) {
      if (!retry(error)) for (const member of group.members) end(member, error)
      else {
        group.dirty = true
        return retryMs
      }
    }
    return
  }

  function leave(member: Membership): void {
    registered.leave(member)
    slowReaders.leave(member)
  }

  function end(member: Membership, error: unknown): void {
    leave(member)
    member.subscriber.end(error)
  }

  return {
    members: () => [...registered.members(), ...slowReaders.members()],
    get groups() {
      return registered.groups().length
    },
    place: (member, scope, start) => {
      const seen = visibility(member, scope)
      const before = slowReaders.placeOf(member) ?? registered.groupOf(member)
      const position = before?.position ?? start
      if (before?.key === seen.key || position === null) return
      leave(member)
      put(member, { ...seen, position })
    },
    leave,
    end,
    changed: () => {
      for (const group of registered.groups()) advance(group)
    },
    versionRead: () => {
      for (const group of registered.groups()) if (isShort(group)) group.rounds.plan()
    },
  }
}
