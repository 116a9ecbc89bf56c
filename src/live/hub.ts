import type { Actor } from '../access/actor.ts'
import type { Scope } from '../access/scope.ts'
import type { Hub } from '../ports.ts'
import { runForAll, startForAll } from '../store/work.ts'
import type { LiveOperation, Subscriber } from '../topic.ts'
import { type FollowedOrganization, type FollowPorts, followOrganization, joinGroup, lookAnew, watchMember } from './followed-organization.ts'

/** Four polls: after this time without a poll, versions may have moved unnoticed, so each join reads them. */
const currentMs = 2_000

/**
 * Everything that is live on this node. For each followed organization it knows the newest version, what its members may see, and
 * the groups of subscribers who share their answers. Hints and the poll only say that a version moved; what is delivered is read
 * from the database, and the rights of its recipients are read again after that.
 */
export function createHub(ports: FollowPorts, isTransient: (error: unknown) => boolean): Hub {
  const organizations = new Map<string, FollowedOrganization>()
  let numbers = 0
  let lastPoll = -currentMs
  const isCurrent = (): boolean => performance.now() - lastPoll < currentMs

  /** Keeps the organization in use until `leave` is called. */
  function enter(id: string): { followed: FollowedOrganization; leave: () => void } {
    const followed = organizations.get(id) ?? followOrganization(ports, id, { isTransient, isCurrent })
    organizations.set(id, followed)
    followed.users++
    let isIn = true
    const leave = (): void => {
      if (!isIn) return
      isIn = false
      followed.users--
      if (followed.users === 0) organizations.delete(id)
    }
    return { followed, leave }
  }

  /** Keeps the organization in use from before `begin` until its function is called. */
  async function stay(id: string, begin: (followed: FollowedOrganization) => Promise<() => void>): Promise<() => void> {
    const { followed, leave } = enter(id)
    try {
      const end = await begin(followed)
      return () => {
        end()
        leave()
      }
    } catch (error) {
      leave()
      throw error
    }
  }

  const join = (operation: LiveOperation, subscriber: Subscriber): Promise<() => void> =>
    stay(subscriber.actor.organizationId, (followed) => joinGroup(ports, followed, { operation, subscriber, number: ++numbers }, isTransient))

  async function scopeOf({ organizationId, memberId }: Pick<Actor, 'organizationId' | 'memberId'>): Promise<Scope | null> {
    const { followed, leave } = enter(organizationId)
    try {
      await followed.rights.settled()
      return await followed.rights.scope(memberId)
    } finally {
      leave()
    }
  }

  const heard = (id: string, version: bigint): void => {
    const followed = organizations.get(id)
    if (followed?.rights.heard(version)) lookAnew(followed)
  }

  return {
    // A read here is for all followers: it does not stop with the operation that caused it.
    changed: (organizationId, version) => startForAll(() => heard(organizationId, version)),
    hinted: (organizationId, version) => organizations.get(organizationId)?.hinted(version),
    hintedAll: () => {
      for (const followed of organizations.values()) lookAnew(followed)
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
    watch: ({ organizationId, memberId }, end) => runForAll(() => stay(organizationId, (followed) => watchMember(followed, memberId, end))),
  }
}
