import { ago, dateOf, exactly, useNow } from './time.ts'
import { Tip } from './tip.tsx'

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
    <Tip text={exactly(at)} focusable className="moment">
      <time dateTime={at}>{as === 'relative' || recent ? ago(at, now) : dateOf(at, now)}</time>
    </Tip>
  )
}
