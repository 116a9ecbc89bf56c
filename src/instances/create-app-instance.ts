import type { Actor } from '../access/actor.ts'
import { mayCreateInstances } from '../access/rights.ts'
import type { Scope } from '../access/scope.ts'
import { forbidden, notFound } from '../errors.ts'
import type { InstanceStatus } from '../generated/prisma/enums.ts'
import { newId } from '../ids.ts'
import { parseName } from '../names.ts'
import type { Ports, Stores } from '../ports.ts'

/** Adds an instance to an app; it is always new, even with the name of an older one. `status`: ACTIVE by default. */
export async function createAppInstance(
  ports: Pick<Ports, 'changeBy'>,
  actor: Actor,
  input: { appId: string; name: string; status?: Exclude<InstanceStatus, 'DELETED'> },
): Promise<{ instanceId: string }> {
  const name = parseName('name', input.name)
  const instanceId = newId('ins')
  const look = async ({ apps }: Stores, scope: Scope) => {
    if (!mayCreateInstances(scope)) throw forbidden()
    const app = await apps.find({ select: { id: true } }, scope, { id: input.appId })
    if (!app) throw notFound()
    return app
  }
  await ports.changeBy(actor, look, async ({ instances, now, record }, scope, app) => {
    const { organizationId, memberId: createdById } = scope
    await instances.insert({ id: instanceId, organizationId, appId: app.id, name, status: input.status ?? 'ACTIVE', createdById, createdAt: now })
    record({ kind: 'INSTANCE_CREATED', subjectName: name, actorId: createdById, instanceId, appId: app.id })
  })
  return { instanceId }
}
