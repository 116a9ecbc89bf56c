import { setTimeout as pause } from 'node:timers/promises'
import type { Log, Propagation } from '../ports.ts'
import type { OwnMark } from '../verification/marks.ts'
import { denialMs } from '../verification/moment.ts'
import type { NodeStore } from './store.ts'

/**
 * Called after a denial was committed, and after one that was found done already. Nodes use a mark for less than this takes, so that afterwards
 * none of them accepts what was denied, whatever the database does meanwhile; the process that owns the embedded database moves its own mark
 * instead. Never throws, since the change is made: where the nodes cannot be counted in time, the answer is about this one alone.
 */
export async function propagate(nodes: Pick<NodeStore, 'count'>, log: Log, ownMark: Pick<OwnMark, 'move'> | null): Promise<Propagation> {
  const committed = performance.now()
  ownMark?.move()
  const counted = nodes.count().catch((error: Error) => {
    log.warn({ error: error.name }, 'how many nodes serve could not be counted')
    return 1
  })
  if (ownMark) return { nodes: Math.max(await counted, 1), waitedMs: 0 }
  const end = committed + denialMs
  const waited = async (): Promise<number> => {
    // A timer may be early.
    for (let left = denialMs; left > 0; left = end - performance.now()) await pause(Math.ceil(left))
    return 1
  }
  const waiting = waited()
  const count = await Promise.race([counted, waiting])
  await waiting
  return { nodes: Math.max(count, 1), waitedMs: Math.round(performance.now() - committed) }
}
