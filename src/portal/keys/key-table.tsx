import { Icon as IconChevronDown } from 'virtual:icon/chevron-down'
import { Icon as IconChevronUp } from 'virtual:icon/chevron-up'
import { Icon as IconSelector } from 'virtual:icon/selector'
import { Checkbox } from '@mantine/core'
import type { ReactNode } from 'react'
import { SkeletonRows } from '../elements/skeleton.tsx'
import type { KeyRowFragment } from '../generated/operations.ts'
import { KeyRow } from './key-row.tsx'
import type { KeyView, Sort } from './key-view.ts'

interface Props {
  readonly rows: readonly KeyRowFragment[] | undefined
  readonly view: KeyView
  readonly withInstance: boolean
  readonly withApp: boolean
  readonly fresh: ReadonlySet<string>
  readonly selected: ReadonlySet<string>
  readonly onSelect: (selected: ReadonlySet<string>) => void
  readonly onRevoke: (key: KeyRowFragment) => void
}

export function KeyTable({ rows, view, withInstance, withApp, fresh, selected, onSelect, onRevoke }: Props) {
  const revocable = rows?.filter((row) => row.viewerCanRevoke) ?? []
  const chosen = revocable.filter((row) => selected.has(row.id)).length
  const selects = rows === undefined || revocable.length > 0
  const toggle = (id: string) => {
    const next = new Set(selected)
    if (!next.delete(id)) next.add(id)
    onSelect(next)
  }
  const columns = 7 + Number(selects) + Number(withInstance) + Number(view.tab === 'orphaned')
  return (
    <table className="keys" data-wide={columns > 9} aria-busy={!rows}>
      <caption className="hidden-text">API keys</caption>
      <thead>
        <tr>
          {selects && (
            <th scope="col" className="select">
              <Checkbox
                size="xs"
                aria-label="Select all that you may revoke"
                disabled={!rows}
                checked={chosen > 0 && chosen === revocable.length}
                indeterminate={chosen > 0 && chosen < revocable.length}
                onChange={() => onSelect(new Set(chosen === revocable.length ? [] : revocable.map(({ id }) => id)))}
              />
            </th>
          )}
          <Header view={view} sorts={['name']} direction="ascending">
            Name
          </Header>
          <th scope="col">Key</th>
          {withInstance && <th scope="col">Instance</th>}
          {view.tab === 'orphaned' && <th scope="col">Why</th>}
          <th scope="col">Created by</th>
          <Header view={view} sorts={['-created', 'created']} direction={view.sort === 'created' ? 'ascending' : 'descending'}>
            Created
          </Header>
          <Header view={view} sorts={['expires']} direction="ascending">
            Expires
          </Header>
          <Header view={view} sorts={['-used']} direction="descending">
            Last used
          </Header>
          <th scope="col" className="actions">
            Actions
          </th>
        </tr>
      </thead>
      <tbody>
        {rows?.map((row) => (
          <KeyRow
            key={row.id}
            row={row}
            tab={view.tab}
            selects={selects}
            withInstance={withInstance}
            withApp={withApp}
            isNew={fresh.has(row.id)}
            selected={selected.has(row.id)}
            onToggle={() => toggle(row.id)}
            onRevoke={() => onRevoke(row)}
          />
        )) ?? <SkeletonRows columns={columns} rows={9} />}
      </tbody>
    </table>
  )
}

interface HeaderProps {
  readonly view: KeyView
  /** The orders that the contract has for this column; another click takes the next. */
  readonly sorts: readonly Sort[]
  readonly direction: 'ascending' | 'descending'
  readonly children: ReactNode
}

function Header({ view, sorts, direction, children }: HeaderProps) {
  const at = sorts.indexOf(view.sort)
  const next = sorts[(at + 1) % sorts.length]
  const Icon = at < 0 ? IconSelector : direction === 'ascending' ? IconChevronUp : IconChevronDown
  return (
    <th scope="col" aria-sort={at < 0 ? undefined : direction}>
      <button type="button" className="sort" onClick={() => view.set({ sort: next === '-created' ? undefined : next })}>
        {children} <Icon size={14} stroke={1.8} />
      </button>
    </th>
  )
}
