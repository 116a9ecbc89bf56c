import type { Ports } from '../ports.ts'
import { placeOf } from './model.ts'

const batch = 100

/**
 * Wraps data keys of older key-encryption keys anew under the current one, one row at a time, so that it can stop anywhere and go on later.
 * Values are neither decrypted nor unreadable in between. Answers how many it wrapped.
 */
export async function rewrapSecrets(ports: Pick<Ports, 'seals' | 'secrets' | 'log'>): Promise<number> {
  const rows = await ports.secrets.wrappedOtherwise(ports.seals.currentId, batch)
  let wrapped = 0
  for (const row of rows) {
    const after = ports.seals.rewrap(placeOf(row), row.sealed)
    if (after) wrapped += await ports.secrets.replaceSealed(row, after)
    else ports.log.error({ secretId: row.id }, 'a secret does not open: its row was altered')
  }
  return wrapped
}
