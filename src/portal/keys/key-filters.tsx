import { Checkbox } from '@mantine/core'
import { useCallback } from 'react'
import { useQuery } from 'urql'
import { Choice } from '../elements/choice.tsx'
import { SearchField } from '../elements/search-field.tsx'
import { PortalMembersDocument } from '../generated/operations.ts'
import { useViewer } from '../shell/viewer.ts'
import { idleDays, type KeyView } from './key-view.ts'

const idle = idleDays.map((days) => [days, `Not in ${days} days`] as const)

/** Search and filters of a list of keys, all in the address. */
export function KeyFilters({ view }: { view: KeyView }) {
  const { viewer } = useViewer()
  // Refused for those who may not list members: they still find their own keys.
  const [{ data }] = useQuery({ query: PortalMembersDocument, variables: { first: 100, filter: { includeRemoved: true } } })
  const others = data?.members?.edges.map(({ node }) => node).filter(({ id }) => id !== viewer.member.id) ?? []
  const creators: [string, string][] = [
    [viewer.member.id, `Me (${viewer.member.name})`],
    ...others.map(({ id, name, removedAt }): [string, string] => [id, removedAt ? `${name} (removed)` : name]),
  ]
  if (view.by && !creators.some(([id]) => id === view.by)) creators.push([view.by, 'Another member'])
  const { set } = view
  const search = useCallback((q: string | undefined) => set({ q }, 'replace'), [set])
  return (
    <>
      <SearchField label="Name or key hint" value={view.search} onChange={search} />
      <Choice label="Created by" value={view.by} options={creators} onChange={(by) => set({ by })} />
      <Choice label="Last used" value={view.unused} options={idle} onChange={(unused) => set({ unused })} />
      <Checkbox
        className="toolbar-end"
        size="xs"
        label="Show revoked"
        checked={view.revoked}
        onChange={(event) => set({ revoked: event.currentTarget.checked ? '1' : undefined })}
      />
    </>
  )
}
