import DataLoader from 'dataloader'
import { batchSchedule } from '../live/batching.ts'
import type { MemberStore, PresentMember } from '../members/store.ts'
import type { OrganizationStore } from '../organizations/store.ts'
import type { Hub } from '../ports.ts'
import type { Callers } from './authenticate.ts'

/**
 * Finds members as the database does, but for many clients that reconnect at once: many members in one statement, and known members
 * from memory, with their current role from the hub.
 */
export function createMemberships(
  members: Pick<MemberStore, 'bySubjects'>,
  organizations: Pick<OrganizationStore, 'firstTwo'>,
  hub: Pick<Hub, 'scopeOf'>,
): Callers {
  const known = new DataLoader<string, readonly PresentMember[]>(
    async (keys) => {
      const asked = keys.map((key) => {
        const [subject, organization] = JSON.parse(key) as [string, string]
        return { subject, organization }
      })
      const rows = await members.bySubjects(asked)
      return asked.map(({ subject, organization }) => rows.filter((row) => row.subject === subject && row.organization === organization))
    },
    { batchScheduleFn: batchSchedule() },
  )

  // Shared by all callers within 50 ms, and not cached: another node can create an organization at any time.
  const existing = new DataLoader<'all', readonly { id: string }[]>(
    async (asked) => {
      const found = await organizations.firstTwo()
      return asked.map(() => found)
    },
    { batchScheduleFn: batchSchedule(), cache: false },
  )

  async function bySubject(subject: string, organization: string): Promise<PresentMember[]> {
    const key = JSON.stringify([subject, organization])
    for (;;) {
      const [member] = await known.load(key).catch((error: unknown) => {
        known.clear(key)
        throw error
      })
      // Missing members are not cached: callers could fill the memory with them.
      if (!member) {
        known.clear(key)
        return []
      }
      const scope = await hub.scopeOf(member)
      if (scope) return [{ ...member, role: scope.role }]
      // Removed since; the same person can be a new member now.
      known.clear(key)
    }
  }

  return {
    bySubject,
    ofOnlyOrganization: async (subject) => {
      const [only, ...others] = await existing.load('all')
      if (others.length > 0) return null
      return only ? bySubject(subject, only.id) : []
    },
  }
}
