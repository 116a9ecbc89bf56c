import type { Actor } from '../access/actor.ts'
import type { Scope } from '../access/scope.ts'
import { resync, unauthenticated } from '../errors.ts'
import type { Hub, Ports } from '../ports.ts'
import { runForAll, startForAll } from '../store/work.ts'
import { dayMs } from '../time.ts'
import type { LiveOperation, Membership, Subscriber } from '../topic.ts'
import { type CountsGroups, createCountsGroups } from './counts-groups.ts'
import { createFeedGroups, type FeedGroups } from './feed-groups.ts'
import { createHintedRefresh } from './refresh.ts'
import { type Affected, createRights, type Rights } from './rights.ts'

/** Four polls: after this time without one, versions may have moved unheard, and whoever joins has them read. */
const currentMs = 2_000

/** One organization that somebody follows or has a socket in. */
interface Followed {
  readonly rights: Rights
  /** Another node says that this is the version now. */
  readonly hinted: (version: bigint) => void
  readonly counts: CountsGroups
  readonly feeds: FeedGroups
  /** What to call when a member is none any more. */
  readonly ends: Map<string, Set<() => void>>
  users: number
}

type Needs = Pick<Ports, 'members' | 'events' | 'keys' | 'clock' | 'log' | 'metrics' | 'eventRetentionDays'>

/**
 * Everything that is live on this node. For each organization that somebody follows it knows the newest version, what its members may see,
 * and the groups of subscribers who share their answers. Hints and the poll only say that a version moved; what is delivered is read
 * from the database, and the rights of whoever gets it are read once more after that.
 */
export function createHub(ports: Needs, isTransient: (error: unknown) => boolean): Hub {
  const organizations = new Map<string, Followed>()
  let numbers = 0
  let lastPoll = -currentMs

  const retry = (error: unknown): boolean => {
    const passes = isTransient(error)
    ports.log.warn({ error: (error as Error).name }, passes ? 'what is followed could not be read; it is tried again' : 'what is followed could not be read')
    return passes
  }

  function follow(organizationId: string): Followed {
    const rights = createRights(ports, organizationId, {
      isCurrent: () => performance.now() - lastPoll < currentMs,
      recheck: (affected) => recheck(followed, affected),
      countsChanged: (subjectIds) => followed.counts.countsChanged([organizationId, ...subjectIds]),
      versionRead: () => followed.feeds.versionRead(),
    })
    const followed: Followed = {
      rights,
      hinted: createHintedRefresh(rights),
      counts: createCountsGroups(ports, rights, retry),
      feeds: createFeedGroups(ports, rights, retry),
      ends: new Map(),
      users: 0,
    }
    return followed
  }

  /** Takes the organization into use until the answered function is called. */
  function enter(organizationId: string): { followed: Followed; leave: () => void } {
    const followed = organizations.get(organizationId) ?? follow(organizationId)
    organizations.set(organizationId, followed)
    followed.users++
    let isIn = true
    const leave = (): void => {
      if (!isIn) return
      isIn = false
      followed.users--
      if (followed.users === 0) organizations.delete(organizationId)
    }
    return { followed, leave }
  }

  /** Ends, or moves to another group, whoever an event took a right from or gave one; pauses what is on its way until that is done. */
  async function recheck({ rights, counts, feeds, ends }: Followed, { members, instances }: Affected): Promise<void> {
    await Promise.all(
      [counts, feeds].flatMap((groups) =>
        [...groups.members()].map(async (member) => {
          const { actor } = member.subscriber
          const { topic } = member.operation
          if (!members.has(actor.memberId) && !topic.subjectIds.some((id) => instances.has(id))) return
          const scope = await rights.check(actor.memberId, topic).catch((error: unknown) => {
            if (isTransient(error)) throw error
            groups.end(member, error)
            return null
          })
          if (scope) groups.place(member, scope, null)
        }),
      ),
    )
    for (const memberId of members) {
      const open = ends.get(memberId)
      if (open && !(await rights.scope(memberId))) for (const end of [...open]) end()
    }
  }

  /** From which version a feed starts; RESYNC when the past is no longer complete, or when it lies in the future. */
  async function start({ rights }: Followed, organizationId: string, after: bigint | null): Promise<bigint> {
    if (after === null) return rights.settled()
    const version = rights.hasRead(after) ? await rights.settled() : await rights.refresh()
    if (after > version) throw resync()
    if (after < version) {
      const next = await ports.events.occurredAt(organizationId, after + 1n)
      const floor = ports.clock.now().getTime() - ports.eventRetentionDays * dayMs
      if (!next || next.getTime() < floor) throw resync()
    }
    return after
  }

  async function join(operation: LiveOperation, subscriber: Subscriber): Promise<() => void> {
    const { actor } = subscriber
    const { followed, leave } = enter(actor.organizationId)
    const { rights, counts, feeds } = followed
    const member: Membership = { operation, subscriber, number: ++numbers }
    const { source } = operation.topic
    const groups = source.kind === 'counts' ? counts : feeds
    try {
      await rights.settled()
      // Refused before it is told anything of versions; and never for what was so a moment ago.
      let scope = await rights.check(actor.memberId, operation.topic).catch(async (error: unknown) => {
        if (isTransient(error)) throw error
        await rights.refresh()
        return rights.check(actor.memberId, operation.topic)
      })
      const position = source.kind === 'feed' ? await start(followed, actor.organizationId, source.after) : null
      scope = await rights.check(actor.memberId, operation.topic)
      groups.place(member, scope, position)
    } catch (error) {
      leave()
      throw error
    }
    return () => {
      groups.leave(member)
      leave()
    }
  }

  async function scopeOf({ organizationId, memberId }: Pick<Actor, 'organizationId' | 'memberId'>): Promise<Scope | null> {
    const { followed, leave } = enter(organizationId)
    try {
      await followed.rights.settled()
      return await followed.rights.scope(memberId)
    } finally {
      leave()
    }
  }

  async function watch(actor: Actor, end: () => void): Promise<() => void> {
    const { followed, leave } = enter(actor.organizationId)
    const ends = followed.ends.get(actor.memberId) ?? new Set()
    followed.ends.set(actor.memberId, ends.add(end))
    const unwatch = (): void => {
      ends.delete(end)
      if (ends.size === 0) followed.ends.delete(actor.memberId)
      leave()
    }
    try {
      await followed.rights.settled()
      if (!(await followed.rights.scope(actor.memberId))) throw unauthenticated()
    } catch (error) {
      unwatch()
      throw error
    }
    return unwatch
  }

  const heard = (organizationId: string, version: bigint): void => {
    const followed = organizations.get(organizationId)
    if (followed?.rights.heard(version)) wake(followed)
  }
  function wake({ counts, feeds, rights, ends }: Followed): void {
    counts.changed()
    feeds.changed()
    // Sockets without a subscription are ended too; a database out of reach is asked again at the next poll.
    if (ends.size > 0) rights.refresh().catch(() => undefined)
  }

  return {
    // Whoever causes a read here asks for all who follow: it is not stopped with their operation.
    changed: (organizationId, version) => startForAll(() => heard(organizationId, version)),
    hinted: (organizationId, version) => organizations.get(organizationId)?.hinted(version),
    hintedAll: () => {
      for (const followed of organizations.values()) wake(followed)
    },
    polled: (rows, askedAt) => {
      lastPoll = askedAt
      for (const { id, version } of rows) heard(id, version)
    },
    followed: () => [...organizations.keys()],
    get size() {
      return [...organizations.values()].reduce((sum, { counts, feeds }) => sum + [...counts.members()].length + [...feeds.members()].length, 0)
    },
    get groups() {
      return [...organizations.values()].reduce((sum, { counts, feeds }) => sum + counts.groups + feeds.groups, 0)
    },
    join: (operation, subscriber) => runForAll(() => join(operation, subscriber)),
    scopeOf: (actor) => runForAll(() => scopeOf(actor)),
    watch: (actor, end) => runForAll(() => watch(actor, end)),
  }
}
