import type { Actor } from '../access/actor.ts'
import { mayManageMembers } from '../access/rights.ts'
import type { Scope } from '../access/scope.ts'
import { conflict, forbidden, notFound } from '../errors.ts'
import type { OrganizationRole } from '../generated/prisma/enums.ts'
import { type Ports, type Stores, Unchanged } from '../ports.ts'
import { requireOtherOwner } from './model.ts'

/** Gives a present member another role in the organization, from their next request on. The same role again changes nothing. */
export async function setMemberRole(ports: Pick<Ports, 'changeBy'>, actor: Actor, input: { id: string; role: OrganizationRole }): Promise<void> {
  const look = async ({ members }: Stores, scope: Scope) => {
    if (!mayManageMembers(scope)) throw forbidden()
    const member = await members.facts(scope, input.id)
    if (!member) throw notFound()
    if (member.removedAt) throw conflict('This member was removed.', 'id')
    return member.role === input.role ? new Unchanged(undefined) : member
  }
  await ports.changeBy(actor, look, async ({ members, record, write }, scope, member) => {
    if (member.role === 'OWNER') requireOtherOwner(await members.owners(scope))
    write(members.setRole(member.id, input.role))
    record({ kind: 'MEMBER_ROLE_CHANGED', subjectName: member.name, actorId: scope.memberId, memberId: member.id })
  })
}
