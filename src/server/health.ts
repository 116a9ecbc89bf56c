import { setTimeout as pause } from 'node:timers/promises'
import type { Database } from '../store/client.ts'
import type { Troubles } from './troubles.ts'

/** What `/readyz` reads: why no traffic should come here, or null, and what else operators need to know. `isListening`: null if there is nothing to receive. */
export function createHealth(
  {
    database: { client },
    keysPerPepper,
    troubles,
  }: { database: Pick<Database, 'client'>; keysPerPepper: () => Readonly<Record<string, number>> | null; troubles: Pick<Troubles, 'warnings'> },
  isListening: () => boolean | null,
) {
  let stopping = false
  return {
    stop: () => {
      stopping = true
    },
    problem: async () => {
      if (stopping) return 'the server is stopping'
      const answered = client.$queryRaw`SELECT 1`.then(() => null)
      return Promise.race([answered, pause(2_000, 'the database does not answer', { ref: false })]).catch(() => 'the database does not answer')
    },
    /** An old pepper without ACTIVE keys can be removed. */
    keysPerPepper,
    warnings: () => [
      ...(isListening() === false ? ['the connection that listens for changes of other nodes is gone: they are seen by polling'] : []),
      ...troubles.warnings(),
    ],
  }
}
