import { resync, unauthenticated } from '../errors.ts'
import type { Ports } from '../ports.ts'
import { dayMs } from '../time.ts'
import type { Groups, Membership } from '../topic.ts'
import { type CountsGroups, createCountsGroups } from './counts-groups.ts'
import { createFeedGroups, type FeedGroups } from './feed-groups.ts'
import { createHintedRefresh } from './refresh.ts'
import { type Affected, createRights, type Rights } from './rights.ts'

/** An organization that a client follows or has a socket in. */
export interface FollowedOrganization {
  readonly id: string
  readonly rights: Rights
  /** Another node reports this version. */
  readonly hinted: (version: bigint) => void
  readonly counts: CountsGroups
  readonly feeds: FeedGroups
  /** What to call when a member is removed. */
  readonly ends: Map<string, Set<() => void>>
  users: number
}

type IsTransient = (error: unknown) => boolean

export type FollowPorts = Pick<Ports, 'members' | 'events' | 'keys' | 'clock' | 'log' | 'metrics' | 'eventRetentionDays'>

export function followOrganization(
  ports: FollowPorts,
  id: string,
  options: {
    /** Whether an error may be temporary. */
    isTransient: IsTransient
    /** Whether polling would have found versions that moved. */
    isCurrent: () => boolean
  },
): FollowedOrganization {
  const { isTransient, isCurrent } = options
  const retry = (error: unknown): boolean => {
    const passes = isTransient(error)
    ports.log.warn({ error: (error as Error).name }, passes ? 'what is followed could not be read; it is tried again' : 'what is followed could not be read')
    return passes
  }
  const rights = createRights(ports, id, {
    isCurrent,
    recheck: (affected) => recheck(followed, affected, isTransient),
    countsChanged: (subjectIds) => followed.counts.countsChanged([id, ...subjectIds]),
    versionRead: () => followed.feeds.versionRead(),
  })
  const followed: FollowedOrganization = {
    id,
    rights,
    hinted: createHintedRefresh(rights),
    counts: createCountsGroups(ports, rights, retry),
    feeds: createFeedGroups(ports, rights, retry),
    ends: new Map(),
    users: 0,
  }
  return followed
}

/** Ends, or moves to another group, the members whose rights an event changed; deliveries wait until that is done. */
async function recheck({ rights, counts, feeds, ends }: FollowedOrganization, affected: Affected, isTransient: IsTransient): Promise<void> {
  const isAffected = ({ subscriber, operation }: Membership): boolean =>
    affected.members.has(subscriber.actor.memberId) || operation.topic.subjectIds.some((id) => affected.instances.has(id))
  const recheckMember = async (groups: Groups, member: Membership): Promise<void> => {
    const scope = await rights.check(member.subscriber.actor.memberId, member.operation.topic).catch((error: unknown) => {
      if (isTransient(error)) throw error
      groups.end(member, error)
      return null
    })
    if (scope) groups.place(member, scope, null)
  }
  await Promise.all([counts, feeds].flatMap((groups) => [...groups.members()].filter(isAffected).map((member) => recheckMember(groups, member))))
  for (const memberId of affected.members) {
    const open = ends.get(memberId)
    if (open && !(await rights.scope(memberId))) for (const end of [...open]) end()
  }
}

/** Calls `end` when the member is removed; returns a function to stop. Throws UNAUTHENTICATED if they are not a member. */
export async function watchMember({ rights, ends }: FollowedOrganization, memberId: string, end: () => void): Promise<() => void> {
  const ofMember = ends.get(memberId) ?? new Set()
  ends.set(memberId, ofMember.add(end))
  const unwatch = (): void => {
    ofMember.delete(end)
    if (ofMember.size === 0) ends.delete(memberId)
  }
  try {
    await rights.settled()
    if (!(await rights.scope(memberId))) throw unauthenticated()
  } catch (error) {
    unwatch()
    throw error
  }
  return unwatch
}

/** Makes everything followed in the organization check for a newer version. */
export function lookAnew({ counts, feeds, rights, ends }: FollowedOrganization): void {
  counts.changed()
  feeds.changed()
  // Also ends sockets without a subscription; if the database is unreachable, the next poll retries.
  if (ends.size > 0) rights.refresh().catch(() => undefined)
}

/** Puts the member into a group with the same data, and returns a function to leave it. */
export async function joinGroup(ports: FollowPorts, followed: FollowedOrganization, member: Membership, isTransient: IsTransient): Promise<() => void> {
  const { rights, counts, feeds } = followed
  const { topic } = member.operation
  const check = () => rights.check(member.subscriber.actor.memberId, topic)
  await rights.settled()
  // Refuses before the client learns any version, and never because of outdated rights.
  await check().catch(async (error: unknown) => {
    if (isTransient(error)) throw error
    await rights.refresh()
    await check()
  })
  const position = topic.source.kind === 'feed' ? await feedStart(ports, followed, topic.source.after) : null
  const groups = topic.source.kind === 'counts' ? counts : feeds
  groups.place(member, await check(), position)
  return () => groups.leave(member)
}

/** The version where a feed starts. Throws RESYNC if events after it are incomplete, or if it is in the future. */
async function feedStart(ports: FollowPorts, { id, rights }: FollowedOrganization, after: bigint | null): Promise<bigint> {
  if (after === null) return rights.settled()
  const version = rights.hasRead(after) ? await rights.settled() : await rights.refresh()
  if (after > version) throw resync()
  if (after < version) {
    const next = await ports.events.occurredAt(id, after + 1n)
    const floor = ports.clock.now().getTime() - ports.eventRetentionDays * dayMs
    if (!next || next.getTime() < floor) throw resync()
  }
  return after
}
