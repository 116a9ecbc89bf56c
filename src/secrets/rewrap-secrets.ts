import type { Ports } from '../ports.ts'
import { placesOf } from './model.ts'

/** How many secrets are in memory at once. */
const maxBatch = 100
/** How many of those that do not open are named in the log. */
const maxNamed = 10

/**
 * Wraps data keys of older key-encryption keys under the current one, and seals values of an older format in the current one, one row at
 * a time, so that it can stop and continue at any point. A value is decrypted once, to change its format, and is never unreadable.
 * Rows that do not open stay as they are, and do not block others. Returns how many rows it wrapped.
 */
export async function rewrapSecrets(ports: Pick<Ports, 'seals' | 'secrets' | 'log'>): Promise<number> {
  const { currentId, format } = ports.seals
  const altered: string[] = []
  let wrapped = 0
  for (let after = '', more = true; more; ) {
    const rows = await ports.secrets.sealedOtherwise(currentId, format, after, maxBatch)
    for (const row of rows) {
      const anew = ports.seals.rewrap(placesOf(row), row.sealed)
      if (anew) wrapped += await ports.secrets.replaceSealed(row, anew)
      else altered.push(row.id)
    }
    after = rows.at(-1)?.id ?? after
    more = rows.length === maxBatch
  }
  if (altered.length > 0) {
    ports.log.error({ secrets: altered.length, secretIds: altered.slice(0, maxNamed) }, 'secrets do not open: their rows were altered')
  }
  return wrapped
}
