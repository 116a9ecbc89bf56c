import type { Actor } from '../access/actor.ts'
import { conflict, forbidden, notFound } from '../errors.ts'
import type { OrganizationRole } from '../generated/prisma/enums.ts'
import type { Ports } from '../ports.ts'
import { requireOtherOwner } from './model.ts'

/** Gives a present member another role in the organization; in force with their next request. Saying what holds already changes nothing. */
export async function setMemberRole(ports: Pick<Ports, 'change'>, actor: Actor, input: { id: string; role: OrganizationRole }): Promise<void> {
  await ports.change(actor.organizationId, async ({ members, record }) => {
    const scope = await members.scopeNow(actor)
    if (scope.role !== 'OWNER') throw forbidden()
    const member = await members.facts(scope, input.id)
    if (!member) throw notFound()
    if (member.removedAt) throw conflict('This member was removed.', 'id')
    if (member.role === input.role) return
    if (member.role === 'OWNER') requireOtherOwner(await members.owners(scope))
    await members.setRole(member.id, input.role)
    record({ kind: 'MEMBER_ROLE_CHANGED', subjectName: member.name, actorId: scope.memberId, memberId: member.id })
  })
}
