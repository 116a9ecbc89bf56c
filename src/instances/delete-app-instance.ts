import type { Actor } from '../access/actor.ts'
import { forbidden, notFound, requireAcknowledged } from '../errors.ts'
import type { Ports, Propagation } from '../ports.ts'
import { mayControl } from './model.ts'

/**
 * Deletes an instance for good and orphans its keys in the same change; answers once every node refuses them.
 * Deleting it again answers the same without a second event, and counts no key.
 */
export async function deleteAppInstance(
  ports: Pick<Ports, 'change' | 'propagate'>,
  actor: Actor,
  input: { id: string; acknowledged: boolean },
): Promise<{ orphanedKeys: number; propagation: Propagation }> {
  requireAcknowledged(input.acknowledged)
  const orphanedKeys = await ports.change(actor.organizationId, async ({ members, instances, keys, now, record }) => {
    const scope = await members.scopeNow(actor)
    const instance = await instances.facts(scope, input.id)
    if (!instance) throw notFound()
    if (!mayControl(scope, instance.viewerRole)) throw forbidden()
    if (instance.deletedAt) return 0
    await instances.markDeleted(instance.id, now)
    const actorId = scope.memberId
    record({ kind: 'INSTANCE_DELETED', subjectName: instance.name, actorId, instanceId: instance.id, appId: instance.appId })
    const orphans = await keys.orphan({ instanceId: instance.id }, 'INSTANCE_DELETED')
    for (const { id, name, instanceId, appId } of orphans) {
      record({ kind: 'API_KEY_ORPHANED', subjectName: name, actorId, apiKeyId: id, instanceId, appId })
    }
    return orphans.length
  })
  return { orphanedKeys, propagation: await ports.propagate() }
}
