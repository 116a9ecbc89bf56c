import { Tooltip } from '@mantine/core'
import { ago, dateOf, exactly, useNow } from './time.ts'

interface Props {
  readonly at: string
  /** Relative: how long ago. Date: the day, and how long ago within an hour. */
  readonly as?: 'relative' | 'date'
}

/** A time as people say it; the exact one on hover and on focus. */
export function Moment({ at, as = 'relative' }: Props) {
  const now = useNow()
  const recent = now - Date.parse(at) < 3_600_000 && Date.parse(at) <= now + 60_000
  return (
    <Tooltip label={exactly(at)} events={{ hover: true, focus: true, touch: true }} withArrow>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the exact time must be readable without a mouse */}
      <time dateTime={at} tabIndex={0} className="moment">
        {as === 'relative' || recent ? ago(at, now) : dateOf(at, now)}
      </time>
    </Tooltip>
  )
}
