import type { Actor } from '../access/actor.ts'
import { badInput, notFound } from '../errors.ts'
import type { Ports } from '../ports.ts'
import { sameCounts } from './model.ts'
import type { Counts } from './store.ts'

/**
 * The counts of one app, one instance or the whole organization: at once, then whenever a number changed.
 * Before each answer it looks again at what the actor may see: NOT_FOUND once the subject is out of scope.
 */
export async function* watchKeyCounts(
  ports: Pick<Ports, 'members' | 'apps' | 'instances' | 'keys' | 'hub' | 'clock'>,
  actor: Actor,
  subject: { appId?: string | null | undefined; instanceId?: string | null | undefined },
  signal: AbortSignal,
): AsyncGenerator<Counts, void, undefined> {
  if (subject.appId != null && subject.instanceId != null) throw badInput('instanceId', 'give appId or instanceId, not both')
  const id = subject.instanceId ?? subject.appId ?? actor.organizationId
  let last: Counts | null = null
  for await (const _ of ports.hub.ticks(actor.organizationId, signal)) {
    if (ports.clock.now() >= actor.expiresAt) return
    const scope = await ports.members.scopeNow(actor)
    if (subject.instanceId != null && !(await ports.instances.facts(scope, id))) throw notFound()
    if (subject.appId != null && !(await ports.apps.find({ select: { id: true } }, scope, { id }))) throw notFound()
    const [counts] = await ports.keys.counts(scope, [id])
    if (!counts) throw notFound()
    if (last && sameCounts(last, counts)) continue
    last = counts
    yield counts
  }
}
