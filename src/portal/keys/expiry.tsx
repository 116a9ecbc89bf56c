import { dateOf, day, exactly, lengthOf, useNow } from '../elements/time.ts'
import { Tip } from '../elements/tip.tsx'
import type { KeyRowFragment } from '../generated/operations.ts'

/** When it ends; marked from 14 days ahead, early enough to replace it. */
export function Expiry({ row }: { row: Pick<KeyRowFragment, 'expiresAt' | 'status'> }) {
  const now = useNow()
  const left = Date.parse(row.expiresAt) - now
  const soon = row.status === 'ACTIVE' && left > 0 && left < 14 * day
  return (
    <Tip text={exactly(row.expiresAt)} focusable className={soon ? 'badge badge-amber' : 'moment'}>
      <time dateTime={row.expiresAt}>{soon ? `in ${lengthOf(left)}` : dateOf(row.expiresAt, now)}</time>
    </Tip>
  )
}
