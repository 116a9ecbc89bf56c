import type { Actor } from '../access/actor.ts'
import { badInput, conflict, forbidden } from '../errors.ts'
import type { OrganizationRole } from '../generated/prisma/enums.ts'
import { newId } from '../ids.ts'
import { parseName } from '../names.ts'
import type { Ports } from '../ports.ts'

export interface NewMember {
  /** The `sub` of their tokens, compared exactly. */
  subject: string
  name: string
  email?: string | null | undefined
  role: OrganizationRole
}

/** What is stored of a new member; BAD_USER_INPUT names the field that cannot be. */
export function parseMember(input: NewMember): Omit<NewMember, 'email'> & { email: string | null } {
  if (!/^[\x21-\x7e]{1,255}$/.test(input.subject)) throw badInput('subject', 'must have 1 to 255 printable ASCII characters without spaces')
  const email = input.email ?? null
  if (email !== null && !/^[^\s@]{1,64}@[^\s@]{1,255}$/.test(email)) throw badInput('email', 'must be an address such as ada@example.com')
  return { subject: input.subject, name: parseName('name', input.name), email, role: input.role }
}

/** Adds a person or a service to the organization. A re-added person is a new member and gets nothing back. */
export async function addMember(ports: Pick<Ports, 'change'>, actor: Actor, input: NewMember): Promise<{ memberId: string }> {
  const member = parseMember(input)
  const memberId = newId('mem')
  await ports.change(actor.organizationId, async ({ members, now, record }) => {
    const scope = await members.scopeNow(actor)
    if (scope.role !== 'OWNER') throw forbidden()
    if ((await members.bySubject(member.subject, scope.organizationId)).length > 0) throw conflict('subject: is a member already', 'subject')
    await members.insert({ ...member, id: memberId, organizationId: scope.organizationId, joinedAt: now })
    record({ kind: 'MEMBER_ADDED', subjectName: member.name, actorId: scope.memberId, memberId })
  })
  return { memberId }
}
