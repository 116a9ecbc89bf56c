import { useConnection } from '../graphql/connection.ts'

/** A number that changes by itself; while the connection is lost it is shown as possibly old. */
export function Count({ value, className = '' }: { value: number | undefined; className?: string }) {
  const old = useConnection() === 'lost'
  if (value === undefined) return <span className={`count skeleton ${className}`} aria-hidden="true" />
  return (
    <span className={`count ${old ? 'count-old' : ''} ${className}`} title={old ? 'May be old: the connection is lost' : undefined}>
      {value.toLocaleString('en-US')}
      {old && <span className="hidden-text"> (may be old)</span>}
    </span>
  )
}
