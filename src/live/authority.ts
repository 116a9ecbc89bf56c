import type { Actor } from '../access/actor.ts'
import type { Hub, Log } from '../ports.ts'

/** Ends what members have open once they are no longer members. */
export interface Authority {
  /** Calls `end` when the member is removed, within a second on every node. Answers how to stop watching. */
  watch(actor: Actor, end: () => void): () => void
}

interface Watched {
  readonly members: Map<string, Set<() => void>>
  readonly leaving: AbortController
}

/** One statement per organization and change, however many of its members' sockets are open here. */
export function createAuthority(
  hub: Pick<Hub, 'ticks'>,
  members: { presentAmong(organizationId: string, ids: readonly string[]): Promise<string[]> },
  log: Log,
): Authority {
  const organizations = new Map<string, Watched>()

  async function follow(organizationId: string, { members: open, leaving }: Watched): Promise<void> {
    for await (const _ of hub.ticks(organizationId, leaving.signal)) {
      const ids = [...open.keys()]
      // A database that does not answer ends nothing: the next tick asks again, and no delivery comes without a check of its own.
      const present = await members.presentAmong(organizationId, ids).catch((error: Error) => {
        log.warn({ error: error.name }, 'open sockets could not be checked')
        return ids
      })
      for (const id of ids) if (!present.includes(id)) for (const end of [...(open.get(id) ?? [])]) end()
    }
  }

  return {
    watch: ({ organizationId, memberId }, end) => {
      const watched = organizations.get(organizationId) ?? { members: new Map<string, Set<() => void>>(), leaving: new AbortController() }
      const ends = watched.members.get(memberId) ?? new Set()
      watched.members.set(memberId, ends.add(end))
      if (!organizations.has(organizationId)) {
        organizations.set(organizationId, watched)
        void follow(organizationId, watched)
      }
      return () => {
        ends.delete(end)
        if (ends.size === 0) watched.members.delete(memberId)
        if (watched.members.size > 0 || organizations.get(organizationId) !== watched) return
        organizations.delete(organizationId)
        watched.leaving.abort()
      }
    },
  }
}
