import { Button, Checkbox } from '@mantine/core'
import { useCallback, useState } from 'react'
import { Empty } from '../elements/empty.tsx'
import { ListFoot } from '../elements/list-foot.tsx'
import { ServerProblem } from '../elements/problem.tsx'
import { SearchField } from '../elements/search-field.tsx'
import { useAddress } from '../elements/use-address.ts'
import { type MemberRowFragment, PortalMembersDocument } from '../generated/operations.ts'
import { useFresh } from '../graphql/events.ts'
import { refusalOf } from '../graphql/refusal.ts'
import { usePages } from '../graphql/use-pages.ts'
import { Page } from '../shell/page.tsx'
import { useViewer } from '../shell/viewer.ts'
import { AddMemberDialog } from './add-member-dialog.tsx'
import { MemberTable } from './member-table.tsx'
import { RemoveMemberDialog } from './remove-member-dialog.tsx'

const changing = ['MEMBER_'] as const

/** Who belongs to the organization. Roles on one instance stand on that instance's page. */
export function AccessPage() {
  const { viewer } = useViewer()
  const [get, set] = useAddress()
  const [adding, setAdding] = useState(false)
  const [removing, setRemoving] = useState<MemberRowFragment>()
  const removed = get('removed') === '1'
  const list = usePages(PortalMembersDocument, { filter: { search: get('q'), includeRemoved: removed }, first: 25 }, (data) => data.members)
  useFresh(changing, list.refresh)
  const search = useCallback((q: string | undefined) => set({ q }, 'replace'), [set])
  const refused = list.error && refusalOf(list.error).code === 'FORBIDDEN'
  if (refused) {
    return (
      <Page title="Access">
        <Empty title="You may not list the members">
          Owners of {viewer.organization.name} and of its instances may. Ask one of them for a role on an instance.
        </Empty>
      </Page>
    )
  }
  return (
    <Page
      title="Access"
      subtitle="Members of the organization. Roles on a single instance are granted on its page."
      action={
        viewer.can.manageMembers && (
          <Button size="sm" onClick={() => setAdding(true)}>
            Add member
          </Button>
        )
      }
    >
      <div className="toolbar">
        <SearchField label="Name or address" value={get('q')} onChange={search} />
        <Checkbox
          className="toolbar-end"
          size="xs"
          label="Show removed"
          checked={removed}
          onChange={(event) => set({ removed: event.currentTarget.checked ? '1' : undefined })}
        />
      </div>
      {list.error && <ServerProblem title="The members could not be read" error={list.error} onRetry={list.refresh} />}
      {list.rows?.length === 0 && <Empty title="No member matches">Change the search above.</Empty>}
      {(list.rows ? list.rows.length > 0 : !list.error) && (
        <div className="table-card">
          <MemberTable rows={list.rows} onRemove={setRemoving} />
          <ListFoot list={list} what="members" />
        </div>
      )}
      {adding && <AddMemberDialog onAdded={list.refresh} onClose={() => setAdding(false)} />}
      {removing && <RemoveMemberDialog member={removing} onRemoved={list.refresh} onClose={() => setRemoving(undefined)} />}
    </Page>
  )
}
