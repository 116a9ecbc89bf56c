import type { Propagation } from '../ports.ts'
import type { NodeStore } from './store.ts'

/**
 * Called after a denial was committed. Every node asks the database at every verification and keeps no answer,
 * so the commit itself reached them all: what remains is to say how many they are.
 */
export async function propagate(nodes: Pick<NodeStore, 'count'>): Promise<Propagation> {
  const committed = performance.now()
  const count = await nodes.count()
  return { nodes: Math.max(count, 1), waitedMs: Math.round(performance.now() - committed) }
}
