import type { Actor } from '../access/actor.ts'
import { mayManageMembers } from '../access/rights.ts'
import type { Scope } from '../access/scope.ts'
import { forbidden, notFound, requireAcknowledged } from '../errors.ts'
import { keyEvent } from '../events/model.ts'
import { type Ports, type Propagation, type Stores, Unchanged } from '../ports.ts'
import { requireOtherOwner } from './model.ts'

/**
 * Removes a member for good: their tokens end, and every key that they created, in any instance, becomes an orphan in the same change.
 * Returns once every node refuses those keys. A repeated removal succeeds and counts no key.
 */
export async function removeMember(
  ports: Pick<Ports, 'changeBy' | 'propagate'>,
  actor: Actor,
  input: { id: string; acknowledged: boolean },
): Promise<{ orphanedKeys: number; propagation: Propagation }> {
  requireAcknowledged(input.acknowledged)
  const look = async ({ members }: Stores, scope: Scope) => {
    if (!mayManageMembers(scope)) throw forbidden()
    const member = await members.facts(scope, input.id)
    if (!member) throw notFound()
    return member.removedAt ? new Unchanged(0) : member
  }
  const orphanedKeys = await ports.changeBy(actor, look, async ({ members, keys, now, record }, scope, member) => {
    if (member.role === 'OWNER') requireOtherOwner(await members.owners(scope))
    const [, orphans] = await Promise.all([members.markRemoved(member.id, now), keys.orphan({ createdById: member.id }, 'CREATOR_REMOVED')])
    const actorId = scope.memberId
    record({ kind: 'MEMBER_REMOVED', subjectName: member.name, actorId, memberId: member.id })
    for (const key of orphans) record(keyEvent('API_KEY_ORPHANED', key, actorId))
    return orphans.length
  })
  return { orphanedKeys, propagation: await ports.propagate() }
}
