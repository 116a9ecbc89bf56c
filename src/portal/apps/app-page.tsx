import { Button } from '@mantine/core'
import { useState } from 'react'
import { Link } from 'wouter'
import { Count } from '../counts/count.tsx'
import { useCounts } from '../counts/store.ts'
import { Choice } from '../elements/choice.tsx'
import { SearchField } from '../elements/search-field.tsx'
import { useAddress } from '../elements/use-address.ts'
import type { InstanceStatus } from '../generated/operations.ts'
import { CreateInstanceDialog } from '../instances/create-instance-dialog.tsx'
import { InstanceTable } from '../instances/instance-table.tsx'
import { statusNames } from '../instances/status.tsx'
import { Page } from '../shell/page.tsx'
import { useViewer } from '../shell/viewer.ts'
import { NoApp } from './no-app.tsx'

/** An app: its instances, and the way to all of its keys. */
export function AppPage({ slug }: { slug: string }) {
  const { apps, viewer } = useViewer()
  const app = apps.find((each) => each.slug === slug)
  const counts = useCounts(app?.id)
  const [get, set] = useAddress()
  const [creating, setCreating] = useState(false)
  if (!app) return <NoApp />
  const status = get('status') as InstanceStatus | undefined
  return (
    <Page
      title={app.name}
      subtitle="Instances of this app. A key opens exactly one of them."
      action={
        <Button component={Link} href={`/apps/${slug}/keys`} size="sm" rightSection={<Count value={counts?.total} className="count-on-accent" />}>
          View API Keys
        </Button>
      }
    >
      <div className="toolbar">
        <SearchField label="Name of the instance" value={get('q')} onChange={(q) => set({ q }, 'replace')} />
        <Choice label="Status" value={status} options={Object.entries(statusNames)} onChange={(next) => set({ status: next })} />
        {viewer.can.createInstance && (
          <Button variant="default" size="xs" className="toolbar-end" onClick={() => setCreating(true)}>
            New instance
          </Button>
        )}
      </div>
      <InstanceTable slug={slug} search={get('q')} status={status} onCreate={viewer.can.createInstance ? () => setCreating(true) : undefined} />
      {creating && <CreateInstanceDialog app={app} onClose={() => setCreating(false)} />}
    </Page>
  )
}
