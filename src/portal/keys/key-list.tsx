import { Icon as IconTrash } from 'virtual:icon/trash'
import { Button } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import { Empty } from '../elements/empty.tsx'
import { ListFoot } from '../elements/list-foot.tsx'
import { ServerProblem } from '../elements/problem.tsx'
import type { KeyRowFragment } from '../generated/operations.ts'
import type { Pages } from '../graphql/use-pages.ts'
import { KeyTable } from './key-table.tsx'
import type { KeyScope, KeyView } from './key-view.ts'
import { RevokeDialog } from './revoke-dialog.tsx'

interface Props {
  readonly list: Pages<KeyRowFragment>
  readonly view: KeyView
  readonly scope: KeyScope
  readonly fresh: ReadonlySet<string>
  readonly filters: ReactNode
  readonly onCreate: (() => void) | undefined
}

/** A list of keys with what can be done to one or to several. */
export function KeyList({ list, view, scope, fresh, filters, onCreate }: Props) {
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const [revoking, setRevoking] = useState<readonly KeyRowFragment[]>()
  // A key that somebody else revoked meanwhile is selected no longer. A hundred are the most that one mutation takes.
  const chosen = list.rows?.filter((row) => selected.has(row.id) && row.viewerCanRevoke).slice(0, 100) ?? []
  const revoked = () => {
    list.refresh()
    setSelected(new Set())
  }
  return (
    <>
      <div className="toolbar">
        {chosen.length > 0 ? (
          <>
            <strong className="selected">{chosen.length} selected</strong>
            <Button size="compact-sm" color="danger" variant="light" leftSection={<IconTrash size={15} stroke={1.8} />} onClick={() => setRevoking(chosen)}>
              Revoke selected
            </Button>
            <Button size="compact-sm" variant="subtle" color="gray" onClick={() => setSelected(new Set())}>
              Clear
            </Button>
          </>
        ) : (
          filters
        )}
      </div>
      {list.error && <ServerProblem title="The keys could not be read" error={list.error} onRetry={list.refresh} />}
      {list.rows?.length === 0 && <NoKeys view={view} onCreate={onCreate} />}
      {(list.rows ? list.rows.length > 0 : !list.error) && (
        <div className="table-card">
          <KeyTable
            rows={list.rows}
            view={view}
            withInstance={scope.instanceId === undefined}
            withApp={scope.instanceId === undefined && scope.appId === undefined}
            fresh={fresh}
            selected={selected}
            onSelect={setSelected}
            onRevoke={(key) => setRevoking([key])}
          />
          <ListFoot list={list} what={view.revoked ? `${view.tab} and revoked keys` : `${view.tab} keys`} />
        </div>
      )}
      {revoking && <RevokeDialog keys={revoking} onClose={() => setRevoking(undefined)} onRevoked={revoked} />}
    </>
  )
}

function NoKeys({ view, onCreate }: { view: KeyView; onCreate: (() => void) | undefined }) {
  if (view.filtered) {
    return (
      <Empty
        title="No key matches"
        action={
          <Button variant="default" onClick={() => view.set({ q: undefined, by: undefined, unused: undefined })}>
            Remove the filters
          </Button>
        }
      />
    )
  }
  if (view.tab === 'orphaned') return <Empty title="No orphaned keys">A key becomes an orphan when its instance is deleted or its creator is removed.</Empty>
  if (view.tab === 'expired') return <Empty title="No expired keys">Keys stop by themselves at the end that was chosen for them, and then appear here.</Empty>
  return (
    <Empty
      title="No active keys"
      action={
        onCreate && (
          <Button variant="default" onClick={onCreate}>
            Create API Key
          </Button>
        )
      }
    >
      {onCreate
        ? 'Create one for each program that needs access: then you can revoke the key of one without stopping the others.'
        : 'Keys are created on an instance or an app. Choose one on the left.'}
    </Empty>
  )
}
