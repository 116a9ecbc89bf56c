import { Button } from '@mantine/core'
import { useState } from 'react'
import { Link } from 'wouter'
import { Count } from '../counts/count.tsx'
import { useCounts } from '../counts/store.ts'
import { WatchCounts } from '../counts/watch-counts.tsx'
import { Facts } from '../elements/facts.tsx'
import { Moment } from '../elements/moment.tsx'
import { Person } from '../elements/person.tsx'
import { PageSkeleton } from '../elements/skeleton.tsx'
import { InstanceAccess } from '../members/instance-access.tsx'
import { Page } from '../shell/page.tsx'
import { DeleteInstanceDialog } from './delete-instance-dialog.tsx'
import { NoInstance } from './no-instance.tsx'
import { StatusBadge } from './status.tsx'
import { useInstance } from './use-instance.ts'

const roles = { OWNER: 'Owner', USER: 'User' } as const

/** An instance: what it is, who may what on it, and the way to its keys. */
export function InstancePage({ id }: { id: string }) {
  const { instance, loading, error } = useInstance(id)
  const counts = useCounts(id)
  const [deleting, setDeleting] = useState(false)
  if (loading) return <PageSkeleton />
  if (!instance) return <NoInstance error={error} />
  const path = `/apps/${instance.app.slug}/instances/${id}`
  const deleted = instance.status === 'DELETED'
  return (
    <Page
      title={instance.name}
      crumbs={[[instance.app.name, `/apps/${instance.app.slug}`]]}
      action={
        <Button
          component={Link}
          href={deleted ? `${path}/keys?tab=orphaned` : `${path}/keys`}
          size="sm"
          rightSection={!deleted && <Count value={counts?.total} className="count-on-accent" />}
        >
          View API Keys
        </Button>
      }
    >
      <WatchCounts instanceIds={[id]} />
      <Facts
        boxed
        facts={[
          ['Status', <StatusBadge key="status" status={instance.status} />],
          ['Created', <Moment key="created" at={instance.createdAt} as="date" />],
          ['Created by', <Person key="by" name={instance.createdBy.name} />],
          ['Id', <code key="id">{instance.id}</code>],
          ...(instance.viewerRole ? ([['Your role', roles[instance.viewerRole]]] as const) : []),
          ...(instance.deletedAt ? ([['Deleted', <Moment key="deleted" at={instance.deletedAt} />]] as const) : []),
        ]}
      />
      {instance.viewerCan.controlAccess && !deleted && <InstanceAccess instanceId={id} name={instance.name} />}
      {instance.viewerCan.delete && !deleted && (
        <section aria-labelledby="delete-title" className="section">
          <h2 id="delete-title">Delete this instance</h2>
          <p className="muted">Its keys stop at once and become orphans. This can't be undone.</p>
          <Button variant="default" color="red" className="danger-outline" onClick={() => setDeleting(true)}>
            Delete instance
          </Button>
        </section>
      )}
      {deleting && <DeleteInstanceDialog instance={instance} onClose={() => setDeleting(false)} />}
    </Page>
  )
}
