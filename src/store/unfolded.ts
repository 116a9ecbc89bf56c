import { searchable } from '../folding.ts'
import type { Client } from './client.ts'

/** The most rows of one table in a transaction, since changes of these rows wait for it. */
const batch = 500
/** Then other jobs of the node have their turn. */
const turnMs = 250

/** The tables with names, and what else of a row is searched. */
const tables = { api_key: 'hint', app_instance: "''", member: "coalesce(email, '')" } as const

/** Folds some of the names that SQL could not fold; returns whether there may be more. */
const foldBatch = (client: Client): Promise<boolean> =>
  client.$transaction(async (statements) => {
    let more = false
    let found = 0
    for (const [table, rest] of Object.entries(tables)) {
      // A row that a change has locked has its turn later: waiting for it could lock both for ever.
      const rows = await statements.$queryRawUnsafe<{ id: string; name: string; more: string }[]>(
        `SELECT t.id, t.name, ${rest} AS more FROM unfolded u JOIN ${table} t ON t.id = u.id LIMIT ${batch} FOR NO KEY UPDATE OF t SKIP LOCKED`,
      )
      found += rows.length
      if (rows.length === 0) continue
      more ||= rows.length === batch
      const folded = JSON.stringify(rows.map((row) => ({ id: row.id, ...searchable(row.name, row.more) })))
      await statements.$executeRawUnsafe(
        `UPDATE ${table} t SET folded = f.folded, trigrams = f.trigrams
         FROM jsonb_to_recordset($1::jsonb) AS f(id text, folded text, trigrams text) WHERE t.id = f.id`,
        folded,
      )
      await statements.unfolded.deleteMany({ where: { id: { in: rows.map(({ id }) => id) } } })
    }
    // A row that was deleted meanwhile.
    if (found === 0)
      await statements.$executeRawUnsafe(
        `DELETE FROM unfolded u WHERE ${Object.keys(tables)
          .map((table) => `NOT EXISTS (SELECT FROM ${table} t WHERE t.id = u.id)`)
          .join(' AND ')}`,
      )
    return more
  })

/** Folds names as `searchable` does where SQL wrote the row: an older version, a person, or the migration that added the columns. */
export async function foldNames(client: Client): Promise<void> {
  const end = performance.now() + turnMs
  if ((await client.unfolded.findFirst({ select: { id: true } })) === null) return
  while ((await foldBatch(client)) && performance.now() < end);
}
