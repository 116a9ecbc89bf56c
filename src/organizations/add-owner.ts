import { badInput } from '../errors.ts'
import { newId } from '../ids.ts'
import { type NewMember, parseMember } from '../members/model.ts'
import type { Ports } from '../ports.ts'

/**
 * Makes a person an owner of an organization whose owners are lost: a member gets the role, anybody else becomes a member. Only the command line
 * calls it, on the machine of the server. The event names nobody who did it.
 */
export async function addOwner(
  ports: Pick<Ports, 'change' | 'organizations'>,
  input: { organization: string; owner: Omit<NewMember, 'role'> },
): Promise<{ organizationId: string; memberId: string }> {
  const owner = parseMember({ ...input.owner, role: 'OWNER' })
  const organization = await ports.organizations.bySlugOrId(input.organization)
  if (!organization) throw badInput('org', 'no organization has this slug or id')
  const memberId = await ports.change(organization.id, async ({ members, now, record, write }) => {
    const [present] = await members.bySubject(owner.subject, organization.id)
    if (present?.role === 'OWNER') return present.memberId
    const id = present?.memberId ?? newId('mem')
    if (present) write(members.setRole(id, 'OWNER'))
    else await members.insert({ ...owner, id, organizationId: organization.id, joinedAt: now })
    record({ kind: present ? 'MEMBER_ROLE_CHANGED' : 'MEMBER_ADDED', subjectName: (present ?? owner).name, actorId: null, memberId: id })
    return id
  })
  return { organizationId: organization.id, memberId }
}
