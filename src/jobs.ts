import type { Config } from './config.ts'
import { expireKeys } from './keys/expire-keys.ts'
import type { Ports } from './ports.ts'
import { reportFormat } from './secrets/report-format.ts'
import { rewrapSecrets } from './secrets/rewrap-secrets.ts'
import { rememberServerSecrets } from './server-secrets.ts'
import type { Database } from './store/client.ts'
import { dayMs } from './time.ts'
import type { LastUses } from './verification/last-uses.ts'

/** What a node does beside the requests. */
export interface Jobs {
  /** Moves what is due and writes what gathered. */
  sweep(): Promise<void>
  /** Re-wraps secrets under the current key-encryption key and format, and deletes what need not be kept. */
  tidy(): Promise<void>
}

/** One of them, run again so many milliseconds after each end. */
interface Job {
  readonly everyMs: number
  readonly run: () => Promise<void>
}

/** All of them. `poll`: looks for changes of other nodes; null on a node that serves verification alone, which does only what that needs. */
export const schedule = (
  { sweep, tidy, lastUses, lines }: Jobs & { lastUses: LastUses; lines: { tell(): void } },
  { beat, poll }: { beat: () => Promise<void>; poll: (() => Promise<void>) | null },
): readonly Job[] => [
  { everyMs: 1_000, run: beat },
  { everyMs: 1_000, run: async () => lines.tell() },
  ...(poll
    ? [
        { everyMs: 500, run: poll },
        { everyMs: 500, run: sweep },
        { everyMs: 60_000, run: tidy },
      ]
    : [{ everyMs: 500, run: lastUses.flush }]),
]

export function createJobs({ ports, database, config, lastUses }: { ports: Ports; database: Database; config: Config; lastUses: LastUses }): Jobs {
  let ofFormat1 = 0
  return {
    sweep: async () => {
      await expireKeys(ports)
      await lastUses.flush()
    },
    tidy: async () => {
      await rememberServerSecrets(database, ports)
      await rewrapSecrets(ports)
      ofFormat1 = await reportFormat(ports, ofFormat1)
      const now = ports.clock.now()
      await ports.keys.forget(now)
      if (config.AUDIT_RETENTION_DAYS !== null) await ports.events.deleteBefore(new Date(now.getTime() - config.AUDIT_RETENTION_DAYS * dayMs))
    },
  }
}
