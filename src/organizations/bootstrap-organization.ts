import { newId } from '../ids.ts'
import { type NewMember, parseMember } from '../members/model.ts'
import { parseName, parseSlug } from '../names.ts'
import type { Ports } from '../ports.ts'

/** Creates an organization with its first owner, both or neither. Only the command line calls it: no API caller has the right. */
export async function bootstrapOrganization(
  ports: Pick<Ports, 'change'>,
  input: { slug: string; name: string; owner: Omit<NewMember, 'role'> },
): Promise<{ organizationId: string; memberId: string }> {
  const organization = { id: newId('org'), slug: parseSlug('slug', input.slug), name: parseName('name', input.name) }
  const owner = parseMember({ ...input.owner, role: 'OWNER' })
  const memberId = newId('mem')
  await ports.change(organization, async ({ members, now, record }) => {
    await members.insert({ ...owner, id: memberId, organizationId: organization.id, joinedAt: now })
    record({ kind: 'MEMBER_ADDED', subjectName: owner.name, actorId: memberId, memberId })
  })
  return { organizationId: organization.id, memberId }
}
