import type { Membership } from '../topic.ts'

/** Groups of one kind in one organization, and the group of each member. A group exists while it has members. */
export interface GroupRegistry<Group> {
  groups(): Group[]
  withKey(key: string): Iterable<Group>
  members(): Iterable<Membership>
  groupOf(member: Membership): Group | undefined
  /** Moves the member into the group, out of any other. */
  enter(member: Membership, group: Group): void
  /** Returns the group that the member was in. */
  leave(member: Membership): Group | undefined
}

export function createGroupRegistry<Group extends { readonly key: string; readonly members: Set<Membership> }>(): GroupRegistry<Group> {
  const byKey = new Map<string, Set<Group>>()
  const groupOf = new Map<Membership, Group>()

  function leave(member: Membership): Group | undefined {
    const group = groupOf.get(member)
    if (!group) return
    groupOf.delete(member)
    group.members.delete(member)
    if (group.members.size > 0) return group
    const same = byKey.get(group.key)
    same?.delete(group)
    if (same?.size === 0) byKey.delete(group.key)
    return group
  }

  return {
    groups: () => [...byKey.values()].flatMap((same) => [...same]),
    withKey: (key) => byKey.get(key) ?? [],
    members: () => groupOf.keys(),
    groupOf: (member) => groupOf.get(member),
    enter: (member, group) => {
      leave(member)
      byKey.set(group.key, (byKey.get(group.key) ?? new Set()).add(group))
      groupOf.set(member, group)
      group.members.add(member)
    },
    leave,
  }
}
