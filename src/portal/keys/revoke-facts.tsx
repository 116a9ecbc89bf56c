import { Icon as IconBolt } from 'virtual:icon/bolt'
import { Badge } from '../elements/badge.tsx'
import { Facts } from '../elements/facts.tsx'
import { ago, dateOf, day, minute, useNow } from '../elements/time.ts'
import type { KeyRowFragment } from '../generated/operations.ts'

/** Last use, in red where something still uses it. */
function LastUse({ row }: { row: KeyRowFragment }) {
  const now = useNow()
  if (row.lastUsedAt === null) return 'Never'
  const text = ago(row.lastUsedAt, now)
  // What no longer authenticates is in nobody's use, however lately it was.
  if (row.status !== 'ACTIVE' || now - Date.parse(row.lastUsedAt) > day) return text
  return (
    <Badge tone="red">
      <IconBolt size={12} stroke={2} /> In use: {now - Date.parse(row.lastUsedAt) < minute ? 'just now' : text}
    </Badge>
  )
}

/** What stops working. */
export function RevokeFacts({ row }: { row: KeyRowFragment }) {
  const now = useNow()
  return (
    <Facts
      boxed
      facts={[
        [
          'Key',
          <span key="key">
            <strong>{row.name}</strong> <code>{row.hint}</code>
          </span>,
        ],
        [row.status === 'ACTIVE' ? 'Opens' : 'Opened', `${row.instance.name}, ${row.app.name}`],
        ['Created by', `${row.createdBy.name}, ${dateOf(row.createdAt, now)}`],
        ['Last used', <LastUse key="used" row={row} />],
      ]}
    />
  )
}

/** Several keys, before and after. */
export const RevokeList = ({ keys, outcomeOf }: { keys: readonly KeyRowFragment[]; outcomeOf?: (id: string) => string }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: a long list scrolls, and must do so by keys
  <ul className="revoke-list" tabIndex={0} aria-label="Keys">
    {keys.map((row) => (
      <li key={row.id}>
        <strong>{row.name}</strong> <code>{row.hint}</code>
        <span>{outcomeOf ? outcomeOf(row.id) : <LastUse row={row} />}</span>
      </li>
    ))}
  </ul>
)
