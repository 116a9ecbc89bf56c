import { Icon as IconHistory } from 'virtual:icon/history'
import { Icon as IconTrash } from 'virtual:icon/trash'
import { ActionIcon, Checkbox } from '@mantine/core'
import { memo } from 'react'
import { Link } from 'wouter'
import { Badge } from '../elements/badge.tsx'
import { Moment } from '../elements/moment.tsx'
import { Person } from '../elements/person.tsx'
import { day, useNow } from '../elements/time.ts'
import { Tip } from '../elements/tip.tsx'
import type { KeyRowFragment } from '../generated/operations.ts'
import { useViewer } from '../shell/viewer.ts'
import { Expiry } from './expiry.tsx'
import type { Tab } from './key-view.ts'
import { orphanedSince, orphanReasons, whyNotRevoke } from './words.ts'

interface Props {
  readonly row: KeyRowFragment
  readonly tab: Tab
  readonly selects: boolean
  readonly withInstance: boolean
  readonly withApp: boolean
  readonly isNew: boolean
  readonly selected: boolean
  readonly onToggle: () => void
  readonly onRevoke: () => void
}

export const KeyRow = memo(function KeyRow({ row, tab, selects, withInstance, withApp, isNew, selected, onToggle, onRevoke }: Props) {
  const now = useNow()
  const { viewer } = useViewer()
  const since = orphanedSince(row)
  const refusal = whyNotRevoke(row, viewer.organization.name)
  const isIdle = row.status === 'ACTIVE' && row.lastUsedAt !== null && now - Date.parse(row.lastUsedAt) > 30 * day
  return (
    <tr data-new={isNew} data-selected={selected}>
      {selects && (
        <td className="select">{row.viewerCanRevoke && <Checkbox size="xs" aria-label={`Select ${row.name}`} checked={selected} onChange={onToggle} />}</td>
      )}
      <th scope="row" data-label="Name">
        {row.name} {isNew && <span className="new">New</span>} {row.status === 'REVOKED' && <Badge tone="grey">Revoked</Badge>}
      </th>
      <td data-label="Key">
        <code>{row.hint}</code>
      </td>
      {withInstance && (
        <td data-label="Instance">
          <Link href={`/apps/${row.app.slug}/instances/${row.instance.id}`}>{row.instance.name}</Link>
          {withApp && <span className="muted second-line">{row.app.name}</span>}
        </td>
      )}
      {tab === 'orphaned' && (
        <td data-label="Why">
          {row.orphanReason && <Badge tone="red">{orphanReasons[row.orphanReason]}</Badge>}
          {since && (
            <span className="muted second-line">
              <Moment at={since} />
            </span>
          )}
        </td>
      )}
      <td data-label="Created by">
        <Person name={row.createdBy.name} note={row.createdBy.removedAt ? '(removed)' : undefined} />
      </td>
      <td data-label="Created">
        <Moment at={row.createdAt} as="date" />
      </td>
      <td data-label="Expires">
        <Expiry row={row} />
      </td>
      <td data-label="Last used">
        {row.lastUsedAt ? <Moment at={row.lastUsedAt} /> : 'Never'} {isIdle && <Badge tone="grey">Idle</Badge>}
      </td>
      <td data-label="Actions" className="actions">
        {viewer.can.readAuditLog && (
          <ActionIcon component={Link} href={`/activity?key=${row.id}`} variant="subtle" color="gray" size={28} aria-label={`Activity of ${row.name}`}>
            <IconHistory size={16} stroke={1.7} />
          </ActionIcon>
        )}
        <Tip text={refusal ?? 'Revoke'}>
          {/* Not `disabled`: whoever may not revoke it must still reach it, and hear why. */}
          <ActionIcon
            variant="subtle"
            color="gray"
            size={28}
            aria-label={refusal ? `Revoke ${row.name}: not possible. ${refusal}` : `Revoke ${row.name}`}
            aria-disabled={refusal !== undefined}
            onClick={refusal ? undefined : onRevoke}
          >
            <IconTrash size={16} stroke={1.7} />
          </ActionIcon>
        </Tip>
      </td>
    </tr>
  )
})
