import { randomUUID } from 'node:crypto'
import type { Ports } from '../ports.ts'
import type { NodeStore } from './store.ts'

export interface Heartbeat {
  /** Says that this node serves, and agrees with the others on the secrets and format of new values. */
  beat(): Promise<void>
  /** Says that it no longer serves. */
  leave(): Promise<void>
}

/** Tells the other nodes about this one, under its own id. */
export function createHeartbeat(nodes: Pick<NodeStore, 'beat' | 'leave'>, { digests, seals }: Pick<Ports, 'digests' | 'seals'>): Heartbeat {
  const id = randomUUID()
  return {
    beat: async () => {
      const known = await nodes.beat(id, [...digests.pepperIds, ...seals.knownIds])
      digests.agree(known)
      seals.agree(known)
    },
    leave: async () => void (await nodes.leave(id)),
  }
}
