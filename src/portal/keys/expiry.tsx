import { Tooltip } from '@mantine/core'
import { dateOf, day, exactly, lengthOf, useNow } from '../elements/time.ts'
import type { KeyRowFragment } from '../generated/operations.ts'

/** When it ends; marked from 14 days ahead, early enough to replace it. */
export function Expiry({ row }: { row: Pick<KeyRowFragment, 'expiresAt' | 'status'> }) {
  const now = useNow()
  const left = Date.parse(row.expiresAt) - now
  const soon = row.status === 'ACTIVE' && left > 0 && left < 14 * day
  return (
    <Tooltip label={exactly(row.expiresAt)} events={{ hover: true, focus: true, touch: true }} withArrow>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the exact time must be readable without a mouse */}
      <time dateTime={row.expiresAt} tabIndex={0} className={soon ? 'badge badge-amber' : 'moment'}>
        {soon ? `in ${lengthOf(left)}` : dateOf(row.expiresAt, now)}
      </time>
    </Tooltip>
  )
}
