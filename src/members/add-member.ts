import type { Actor } from '../access/actor.ts'
import { mayManageMembers } from '../access/rights.ts'
import type { Scope } from '../access/scope.ts'
import { conflict, forbidden } from '../errors.ts'
import { newId } from '../ids.ts'
import type { Ports, Stores } from '../ports.ts'
import { type NewMember, parseMember } from './model.ts'

/** Adds a person or a service to the organization. A re-added person is a new member and gets nothing back. */
export async function addMember(ports: Pick<Ports, 'changeBy'>, actor: Actor, input: NewMember): Promise<{ memberId: string }> {
  const member = parseMember(input)
  const memberId = newId('mem')
  const look = async (_stores: Stores, scope: Scope) => {
    if (!mayManageMembers(scope)) throw forbidden()
  }
  await ports.changeBy(actor, look, async ({ members, now, record }, scope) => {
    if ((await members.bySubject(member.subject, scope.organizationId)).length > 0) throw conflict('subject: is a member already', 'subject')
    await members.insert({ ...member, id: memberId, organizationId: scope.organizationId, joinedAt: now })
    record({ kind: 'MEMBER_ADDED', subjectName: member.name, actorId: scope.memberId, memberId })
  })
  return { memberId }
}
