import type { Statements } from '../store/client.ts'

/** A node that was not seen for this long no longer serves. */
const goneAfter = '5 seconds'

/** The nodes that serve, and whether commits wait for standbys. */
export interface Cluster {
  readonly nodes: number
  readonly isSynchronous: boolean
}

export const nodeStore = (client: Statements) => {
  let last: Cluster = { nodes: 1, isSynchronous: false }
  return {
    /**
     * Says that this node serves, and which peppers, key-encryption keys and formats it knows; repeated every second.
     * Returns the ids that every serving node knows: what all nodes must read is written only with these.
     */
    beat: async (id: string, knownIds: readonly string[]): Promise<ReadonlySet<string>> => {
      const [own] = await client.$queryRaw<Pick<Cluster, 'isSynchronous'>[]>`
        WITH gone AS (DELETE FROM node WHERE seen_at < now() - ${goneAfter}::interval AND id <> ${id})
        INSERT INTO node (id, seen_at, known_ids) VALUES (${id}, now(), ${knownIds}) ON CONFLICT (id) DO UPDATE SET seen_at = now()
        RETURNING current_setting('synchronous_standby_names') <> '' AS "isSynchronous"`
      const others = await client.$queryRaw<{ knownIds: string[] }[]>`
        SELECT known_ids AS "knownIds" FROM node WHERE seen_at >= now() - ${goneAfter}::interval AND id <> ${id}`
      last = { nodes: others.length + 1, isSynchronous: own?.isSynchronous ?? last.isSynchronous }
      return new Set(knownIds.filter((each) => others.every((other) => other.knownIds.includes(each))))
    },

    leave: (id: string): Promise<number> => client.$executeRaw`DELETE FROM node WHERE id = ${id}`,

    count: async (): Promise<Cluster> => {
      const [row] = await client.$queryRaw<Cluster[]>`
        SELECT count(*)::int AS nodes, current_setting('synchronous_standby_names') <> '' AS "isSynchronous"
        FROM node WHERE seen_at >= now() - ${goneAfter}::interval`
      if (row) last = row
      return last
    },

    /** The last count, which each beat updates. */
    lastCount: (): Cluster => last,

    /** Commits something that waits for the standbys, and so for all earlier commits too; in a transaction, so that a warning is noticed. */
    commitSomething: async (): Promise<void> => {
      await client.$transaction(async (statements) => void (await statements.$queryRaw`SELECT pg_logical_emit_message(true, 'aura-keys', '')::text`))
    },
  }
}

export type NodeStore = ReturnType<typeof nodeStore>
