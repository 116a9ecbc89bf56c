import { Client } from 'pg'
import type { TestServer } from './server.ts'

/** Lets no statement of an operation be answered until the returned function is called: by a lock in another session, or by the one place of the embedded database. */
export async function holdDatabase({ app }: TestServer): Promise<() => Promise<void>> {
  if (app.database.kind === 'postgresql') {
    const client = new Client({ connectionString: app.config.DATABASE_URL })
    await client.connect()
    await client.query('BEGIN')
    await client.query('LOCK TABLE organization IN ACCESS EXCLUSIVE MODE')
    return async () => {
      await client.query('ROLLBACK')
      await client.end()
    }
  }
  let release: () => void = () => undefined
  let held: Promise<unknown> = Promise.resolve()
  await new Promise<void>((resolve) => {
    const body = async (statements: { $executeRawUnsafe(sql: string): PromiseLike<unknown> }): Promise<void> => {
      await statements.$executeRawUnsafe('SELECT 1')
      resolve()
      await new Promise<void>((end) => {
        release = end
      })
    }
    held = app.database.client.$transaction(body, { timeout: 60_000 })
  })
  return async () => {
    release()
    await held
  }
}
