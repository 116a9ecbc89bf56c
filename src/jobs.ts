import type { Config } from './config.ts'
import { expireKeys } from './keys/expire-keys.ts'
import type { Ports } from './ports.ts'
import { reportFormat } from './secrets/report-format.ts'
import { rewrapSecrets } from './secrets/rewrap-secrets.ts'
import { rememberServerSecrets } from './server-secrets.ts'
import type { Database } from './store/client.ts'
import { dayMs } from './time.ts'
import type { LastUses } from './verification/last-uses.ts'

/** What a node does beside the requests; `listen` says when. */
export interface Jobs {
  /** Moves what is due and writes what gathered. */
  sweep(): Promise<void>
  /** Re-wraps secrets under the current key-encryption key and format, and deletes what need not be kept. */
  tidy(): Promise<void>
}

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
