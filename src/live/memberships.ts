import DataLoader from 'dataloader'
import type { MemberStore, PresentMember } from '../members/store.ts'
import type { Hub } from '../ports.ts'
import { gather } from './gather.ts'

/**
 * Finds members as the database does, but for clients that come back all at once: many in one statement, and those whom it knows from
 * memory, with the role that the hub says they have by now.
 */
export function createMemberships(members: Pick<MemberStore, 'bySubject' | 'bySubjects'>, hub: Pick<Hub, 'scopeOf'>): Pick<MemberStore, 'bySubject'> {
  const known = new DataLoader<string, readonly PresentMember[]>(
    async (keys) => {
      const asked = keys.map((key) => {
        const [subject, organization] = JSON.parse(key) as [string, string]
        return { subject, organization }
      })
      const rows = await members.bySubjects(asked)
      return asked.map(({ subject, organization }) => rows.filter((row) => row.subject === subject && row.organization === organization))
    },
    { batchScheduleFn: gather() },
  )

  return {
    bySubject: async (subject, organization) => {
      if (organization === null) return members.bySubject(subject, null)
      const key = JSON.stringify([subject, organization])
      for (;;) {
        const found = await known.load(key).catch((error: unknown) => {
          known.clear(key)
          throw error
        })
        const [member, ...others] = found
        // Nobody is not kept: who asks for what is not there could fill the memory.
        if (!member || others.length > 0) {
          known.clear(key)
          return [...found]
        }
        const scope = await hub.scopeOf(member)
        if (scope) return [{ ...member, role: scope.role }]
        // Removed meanwhile; the same person may be another member by now.
        known.clear(key)
      }
    },
  }
}
