import type { Actor } from '../access/actor.ts'
import { mayControlInstance } from '../access/rights.ts'
import type { Scope } from '../access/scope.ts'
import { conflict, forbidden, notFound } from '../errors.ts'
import type { InstanceRole } from '../generated/prisma/enums.ts'
import type { Ports, Stores } from '../ports.ts'

/** Gives a present member a role on the instance, changes it, or removes it with null. The same role again changes nothing. */
export async function setInstanceAccess(
  ports: Pick<Ports, 'changeBy'>,
  actor: Actor,
  input: { instanceId: string; memberId: string; role?: InstanceRole | null | undefined },
): Promise<void> {
  const role = input.role ?? null
  const look = async ({ members, instances }: Stores, scope: Scope) => {
    const instance = await instances.facts(scope, input.instanceId)
    if (!instance) throw notFound()
    if (!mayControlInstance(scope, instance.viewerRole)) throw forbidden()
    if (instance.deletedAt) throw conflict('This instance was deleted: nobody can have access to it.', 'instanceId')
    if (!(await members.isPresent(scope, input.memberId))) throw notFound()
    return instance
  }
  await ports.changeBy(actor, look, async ({ instances, record, write }, scope, instance) => {
    if ((await instances.roleOf(instance.id, input.memberId)) === role) return
    write(instances.setRole(instance.id, input.memberId, role))
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
