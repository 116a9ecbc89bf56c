import type { Actor } from '../access/actor.ts'
import { forbidden, notFound, requireAcknowledged } from '../errors.ts'
import type { Ports, Propagation } from '../ports.ts'
import { requireOtherOwner } from './model.ts'

/**
 * Removes a member for good: their tokens end, and every key that they created, in whatever instance, is an orphan in the same change.
 * Answers once every node refuses those keys. Removing them again answers the same and counts no key.
 */
export async function removeMember(
  ports: Pick<Ports, 'change' | 'propagate'>,
  actor: Actor,
  input: { id: string; acknowledged: boolean },
): Promise<{ orphanedKeys: number; propagation: Propagation }> {
  requireAcknowledged(input.acknowledged)
  const orphanedKeys = await ports.change(actor.organizationId, async ({ members, keys, now, record }) => {
    const scope = await members.scopeNow(actor)
    if (scope.role !== 'OWNER') throw forbidden()
    const member = await members.facts(scope, input.id)
    if (!member) throw notFound()
    if (member.removedAt) return 0
    if (member.role === 'OWNER') requireOtherOwner(await members.owners(scope))
    await members.markRemoved(member.id, now)
    const actorId = scope.memberId
    record({ kind: 'MEMBER_REMOVED', subjectName: member.name, actorId, memberId: member.id })
    const orphans = await keys.orphan({ createdById: member.id }, 'CREATOR_REMOVED')
    for (const { id, name, instanceId, appId } of orphans) {
      record({ kind: 'API_KEY_ORPHANED', subjectName: name, actorId, apiKeyId: id, instanceId, appId })
    }
    return orphans.length
  })
  return { orphanedKeys, propagation: await ports.propagate() }
}
