import { Client as PgClient } from 'pg'

export const migrationLock = 7_283_645_119
export const aloneLock = 7_283_645_120

/** Runs the body under an advisory lock, on its own connection, whose loss releases the lock. */
export async function withLock<Answer>(connectionString: string, id: number, body: () => Promise<Answer>, waiting?: () => void): Promise<Answer> {
  const lock = new PgClient({ connectionString, connectionTimeoutMillis: 3_000 })
  // COMMIT detects a lock that was lost with its connection; without a listener the error would end the process.
  lock.on('error', () => {})
  await lock.connect()
  try {
    // A transaction keeps its session through a pooler too, however long other nodes take.
    await lock.query('BEGIN')
    await lock.query('SET LOCAL lock_timeout = 0')
    await lock.query('SET LOCAL idle_in_transaction_session_timeout = 0')
    // Without parameters, which would keep a snapshot open: an index that is made beside writes waits for the end of each.
    const { rows } = await lock.query<{ had: boolean }>(`SELECT pg_try_advisory_xact_lock(${id}) AS had`)
    if (!rows[0]?.had) {
      waiting?.()
      await lock.query(`SELECT pg_advisory_xact_lock(${id})`)
    }
    const answer = await body()
    await lock.query('COMMIT')
    return answer
  } finally {
    await lock.end()
  }
}
