import type { Clock, OpenSessions } from '../ports.ts'
import { useMs } from '../sessions/model.ts'
import type { SessionStore } from '../sessions/store.ts'

/** The sessions of the sockets and streams that are open on this node. */
export function createOpenSessions(sessions: Pick<SessionStore, 'validAmong' | 'markUsed'>, clock: Clock): OpenSessions {
  const watched = new Map<string, Set<() => void>>()
  const used = new Set<string>()
  const writtenAt = new Map<string, number>()

  const ended = (ids: readonly string[]): void => {
    for (const id of ids) for (const end of [...(watched.get(id) ?? [])]) end()
  }

  return {
    ended,
    watch: (id, end) => {
      const ends = watched.get(id) ?? new Set()
      watched.set(id, ends.add(end))
      return () => {
        ends.delete(end)
        if (ends.size > 0 || watched.get(id) !== ends) return
        watched.delete(id)
        writtenAt.delete(id)
      }
    },
    used: (id) => {
      if (watched.has(id)) used.add(id)
    },
    check: async () => {
      const ids = [...watched.keys()]
      if (ids.length === 0) return
      // What is used from here on is for the next check: it was later than `now`, and may be of a session that this one does not ask about.
      const [now, uses] = [clock.now(), [...used]]
      used.clear()
      try {
        const valid = new Set(await sessions.validAmong(ids, now))
        ended(ids.filter((id) => !valid.has(id)))
        const due = uses.filter((id) => valid.has(id) && now.getTime() - (writtenAt.get(id) ?? 0) >= useMs)
        if (due.length === 0) return
        await sessions.markUsed(due, now)
        for (const id of due) if (watched.has(id)) writtenAt.set(id, now.getTime())
      } catch (error) {
        for (const id of uses) if (watched.has(id)) used.add(id)
        throw error
      }
    },
  }
}
