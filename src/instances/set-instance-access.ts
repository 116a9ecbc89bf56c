import type { Actor } from '../access/actor.ts'
import { conflict, forbidden, notFound } from '../errors.ts'
import type { InstanceRole } from '../generated/prisma/enums.ts'
import type { Ports } from '../ports.ts'
import { mayControl } from './model.ts'

/** Gives a present member a role on the instance, changes it, or with null takes it away. Saying what holds already changes nothing. */
export async function setInstanceAccess(
  ports: Pick<Ports, 'change'>,
  actor: Actor,
  input: { instanceId: string; memberId: string; role?: InstanceRole | null | undefined },
): Promise<void> {
  const role = input.role ?? null
  await ports.change(actor.organizationId, async ({ members, instances, record }) => {
    const scope = await members.scopeNow(actor)
    const instance = await instances.facts(scope, input.instanceId)
    if (!instance) throw notFound()
    if (!mayControl(scope, instance.viewerRole)) throw forbidden()
    if (instance.deletedAt) throw conflict('This instance was deleted: nobody can have access to it.', 'instanceId')
    const member = await members.isPresent(scope, input.memberId)
    if (!member) throw notFound()
    if ((await instances.roleOf(instance.id, input.memberId)) === role) return
    await instances.setRole(instance.id, input.memberId, role)
    record({
      kind: 'INSTANCE_ACCESS_CHANGED',
      subjectName: instance.name,
      actorId: scope.memberId,
      instanceId: instance.id,
      appId: instance.appId,
      memberId: input.memberId,
    })
  })
}
