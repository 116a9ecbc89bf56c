import type { Config } from './config.ts'
import { expireKeys } from './keys/expire-keys.ts'
import type { Ports } from './ports.ts'
import { reportFormat } from './secrets/report-format.ts'
import { rewrapSecrets } from './secrets/rewrap-secrets.ts'
import { rememberServerSecrets } from './server-secrets.ts'
import type { Database } from './store/client.ts'
import { foldNames } from './store/unfolded.ts'
import { dayMs } from './time.ts'
import type { LastUses } from './verification/last-uses.ts'
import type { Rehashes } from './verification/rehashes.ts'
import type { VerificationStore } from './verification/store.ts'

/** The background jobs of a node. */
export interface Jobs {
  /** Expires keys that are due, writes like `write`, then folds names that SQL wrote. */
  sweep(): Promise<void>
  /** Writes what verification collected: last uses, and digests under the current pepper. */
  write(): Promise<void>
  /** Closes what is open with a session that has ended. */
  checkSessions(): Promise<void>
  /** Re-wraps secrets under the current key-encryption key and format, and deletes data past its retention. */
  tidy(): Promise<void>
  /** How many ACTIVE keys each pepper held at the last count; null if there is only one pepper, or before the first count. */
  keysPerPepper(): Readonly<Record<string, number>> | null
}

/** One job; it runs again this many milliseconds after each end. */
interface Job {
  readonly everyMs: number
  readonly run: () => Promise<void>
}

/** All jobs. `poll` reads changes of other nodes; null on a node that serves only verification, which runs only the jobs for that. */
export const schedule = (
  { sweep, write, tidy, checkSessions, lines }: Jobs & { lines: { tell(): void } },
  { beat, poll }: { beat: () => Promise<void>; poll: (() => Promise<void>) | null },
): readonly Job[] => [
  { everyMs: 1_000, run: beat },
  { everyMs: 1_000, run: async () => lines.tell() },
  ...(poll
    ? [
        { everyMs: 500, run: poll },
        { everyMs: 500, run: sweep },
        { everyMs: 500, run: checkSessions },
        { everyMs: 60_000, run: tidy },
      ]
    : [{ everyMs: 500, run: write }]),
]

interface Ground {
  readonly ports: Ports
  readonly database: Database
  readonly config: Config
  readonly verification: Pick<VerificationStore, 'keysPerPepper'>
  readonly lastUses: Pick<LastUses, 'flush'>
  readonly rehashes: Pick<Rehashes, 'flush'>
}

export function createJobs({ ports, database, config, verification, lastUses, rehashes }: Ground): Jobs {
  let ofFormat1 = 0
  let keysPerPepper: Readonly<Record<string, number>> | null = null
  const write = async (): Promise<void> => {
    await lastUses.flush()
    await rehashes.flush()
  }
  return {
    sweep: async () => {
      await expireKeys(ports)
      await write()
      await foldNames(database.client)
    },
    write,
    checkSessions: () => ports.openSessions.check(),
    keysPerPepper: () => keysPerPepper,
    tidy: async () => {
      await rememberServerSecrets(database, ports)
      await rewrapSecrets(ports)
      ofFormat1 = await reportFormat(ports, ofFormat1)
      if (ports.digests.pepperIds.length > 1) keysPerPepper = await verification.keysPerPepper()
      const now = ports.clock.now()
      await ports.keys.forget(now)
      await ports.sessions.forget(now)
      if (config.AUDIT_RETENTION_DAYS !== null) await ports.events.deleteBefore(new Date(now.getTime() - config.AUDIT_RETENTION_DAYS * dayMs))
    },
  }
}
