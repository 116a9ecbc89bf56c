import type { Log, Propagation } from '../ports.ts'
import type { NodeStore } from './store.ts'

/**
 * Called after a denial was committed. Every node asks the database at every verification and keeps no answer,
 * so the commit itself reached them all: what remains is to say how many they are. Never throws, since the change is made:
 * where they cannot be counted, the answer is about this node alone.
 */
export async function propagate(nodes: Pick<NodeStore, 'count'>, log: Log): Promise<Propagation> {
  const committed = performance.now()
  const count = await nodes.count().catch((error: Error) => {
    log.warn({ error: error.name }, 'how many nodes serve could not be counted')
    return 1
  })
  return { nodes: Math.max(count, 1), waitedMs: Math.round(performance.now() - committed) }
}
