import type { Actor } from '../access/actor.ts'
import { mayControlInstance } from '../access/rights.ts'
import type { Scope } from '../access/scope.ts'
import { forbidden, notFound, requireAcknowledged } from '../errors.ts'
import { keyEvent } from '../events/model.ts'
import { type Ports, type Propagation, type Stores, Unchanged } from '../ports.ts'

/**
 * Deletes an instance for good and orphans its keys in the same change; returns once every node refuses them.
 * A repeated deletion succeeds without a second event, and counts no key.
 */
export async function deleteAppInstance(
  ports: Pick<Ports, 'changeBy' | 'propagate'>,
  actor: Actor,
  input: { id: string; acknowledged: boolean },
): Promise<{ orphanedKeys: number; propagation: Propagation }> {
  requireAcknowledged(input.acknowledged)
  const look = async ({ instances }: Stores, scope: Scope) => {
    const instance = await instances.facts(scope, input.id)
    if (!instance) throw notFound()
    if (!mayControlInstance(scope, instance.viewerRole)) throw forbidden()
    return instance.deletedAt ? new Unchanged(0) : instance
  }
  const orphanedKeys = await ports.changeBy(actor, look, async ({ instances, keys, now, record }, { memberId: actorId }, instance) => {
    const [, orphans] = await Promise.all([instances.markDeleted(instance.id, now), keys.orphan({ instanceId: instance.id }, 'INSTANCE_DELETED')])
    record({ kind: 'INSTANCE_DELETED', subjectName: instance.name, actorId, instanceId: instance.id, appId: instance.appId })
    for (const key of orphans) record(keyEvent('API_KEY_ORPHANED', key, actorId))
    return orphans.length
  })
  return { orphanedKeys, propagation: await ports.propagate() }
}
