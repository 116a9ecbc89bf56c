import { setTimeout as pause } from 'node:timers/promises'
import { unavailable } from '../errors.ts'
import type { Log, Propagation } from '../ports.ts'
import type { OwnMark } from '../verification/marks.ts'
import { denialMs } from '../verification/moment.ts'
import type { NodeStore } from './store.ts'

/** Resolves `ms` milliseconds after `start`: a timer alone may be early. */
async function waitUntil(start: number, ms: number): Promise<void> {
  for (let left = ms; left > 0; left = start + ms - performance.now()) await pause(Math.ceil(left))
}

/**
 * Called after a denial was committed, and after one that was already done. Nodes use a mark for less time than this takes, so that afterwards
 * no node accepts what was denied, whatever the database does meanwhile; the process that owns the embedded database moves its own mark
 * instead. If commits wait for standbys, a denial that was already done may not have reached them: something is committed first, which has.
 * If the nodes cannot be counted in time, the last count is used.
 */
export async function propagate(
  nodes: Pick<NodeStore, 'count' | 'lastCount' | 'commitSomething'>,
  log: Log,
  ownMark: Pick<OwnMark, 'move'> | null,
): Promise<Propagation> {
  const committed = performance.now()
  ownMark?.move()
  const counted = nodes.count().catch((error: Error) => {
    log.warn({ error: error.name }, 'how many nodes serve could not be counted')
    return null
  })
  if (ownMark) return { nodes: Math.max(((await counted) ?? nodes.lastCount()).nodes, 1), waitedMs: 0 }
  const waited = waitUntil(committed, denialMs)
  const { nodes: serving, isSynchronous } = (await Promise.race([counted, waited.then(() => null)])) ?? nodes.lastCount()
  if (isSynchronous) {
    await nodes.commitSomething().catch(() => {
      throw unavailable()
    })
    await waitUntil(performance.now(), denialMs)
  }
  await waited
  return { nodes: Math.max(serving, 1), waitedMs: Math.round(performance.now() - committed) }
}
