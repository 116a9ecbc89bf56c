import type { Statements } from '../store/client.ts'

/** A node that was not seen for this long no longer serves. */
const goneAfter = '5 seconds'

export const nodeStore = (client: Statements) => ({
  /** Says that this node serves; repeated every second. */
  beat: (id: string): Promise<number> => client.$executeRaw`
    WITH gone AS (DELETE FROM node WHERE seen_at < now() - ${goneAfter}::interval AND id <> ${id})
    INSERT INTO node (id, seen_at) VALUES (${id}, now()) ON CONFLICT (id) DO UPDATE SET seen_at = now()`,

  leave: (id: string): Promise<number> => client.$executeRaw`DELETE FROM node WHERE id = ${id}`,

  /** How many nodes serve. */
  count: async (): Promise<number> => {
    const [row] = await client.$queryRaw<{ nodes: number }[]>`SELECT count(*)::int AS nodes FROM node WHERE seen_at >= now() - ${goneAfter}::interval`
    return row?.nodes ?? 0
  },
})

export type NodeStore = ReturnType<typeof nodeStore>
