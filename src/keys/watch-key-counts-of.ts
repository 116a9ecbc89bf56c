import type { Actor } from '../access/actor.ts'
import { badInput, notFound } from '../errors.ts'
import type { Ports } from '../ports.ts'
import { sameCounts } from './model.ts'
import type { Counts } from './store.ts'

/** More apps and instances than this one subscription cannot watch. */
const maxSubjects = 100

/**
 * The counts of several apps and instances: all of them at once, then those whose numbers changed.
 * Before each answer it looks again at what the actor may see: NOT_FOUND once one of them is out of scope.
 */
export async function* watchKeyCountsOf(
  ports: Pick<Ports, 'members' | 'apps' | 'instances' | 'keys' | 'hub' | 'clock'>,
  actor: Actor,
  input: { appIds?: readonly string[] | null | undefined; instanceIds?: readonly string[] | null | undefined },
  signal: AbortSignal,
): AsyncGenerator<Counts[], void, undefined> {
  const appIds = [...new Set(input.appIds ?? [])]
  const instanceIds = [...new Set(input.instanceIds ?? [])]
  const ids = [...appIds, ...instanceIds]
  if (ids.length < 1 || ids.length > maxSubjects) throw badInput('instanceIds', `give 1 to ${maxSubjects} ids, of apps and instances together`)
  const last = new Map<string, Counts>()
  for await (const _ of ports.hub.ticks(actor.organizationId, signal)) {
    if (ports.clock.now() >= actor.expiresAt) return
    const scope = await ports.members.scopeNow(actor)
    if ((await ports.apps.countOf(scope, appIds)) + (await ports.instances.countOf(scope, instanceIds)) < ids.length) throw notFound()
    const changed = (await ports.keys.counts(scope, ids)).filter((counts) => {
      const before = last.get(counts.subjectId)
      return !before || !sameCounts(before, counts)
    })
    for (const counts of changed) last.set(counts.subjectId, counts)
    if (changed.length > 0) yield changed
  }
}
