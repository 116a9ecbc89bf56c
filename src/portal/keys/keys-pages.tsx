import { Link } from 'wouter'
import { NoApp } from '../apps/no-app.tsx'
import { WatchCounts } from '../counts/watch-counts.tsx'
import { PageSkeleton } from '../elements/skeleton.tsx'
import { NoInstance } from '../instances/no-instance.tsx'
import { useInstance } from '../instances/use-instance.ts'
import { useViewer } from '../shell/viewer.ts'
import { KeysPage } from './keys-page.tsx'

/** All keys that the viewer may see. */
export const AllKeysPage = () => <KeysPage scope={{}} countsOf="all" place="All apps" crumbs={[]} />

export function AppKeysPage({ slug }: { slug: string }) {
  const { apps } = useViewer()
  const app = apps.find((each) => each.slug === slug)
  if (!app) return <NoApp />
  return <KeysPage key={app.id} scope={{ appId: app.id }} countsOf={app.id} place={app.name} crumbs={[[app.name, `/apps/${slug}`]]} create={{ app }} />
}

export function InstanceKeysPage({ id }: { id: string }) {
  const { instance, loading, error } = useInstance(id)
  if (loading) return <PageSkeleton />
  if (!instance) return <NoInstance error={error} />
  const { app } = instance
  const path = `/apps/${app.slug}/instances/${id}`
  const deleted = instance.status === 'DELETED'
  return (
    <>
      <WatchCounts instanceIds={[id]} />
      <KeysPage
        key={id}
        scope={{ instanceId: id }}
        countsOf={id}
        place={
          <>
            <Link href={path}>{instance.name}</Link> · {app.name}
          </>
        }
        crumbs={[
          [app.name, `/apps/${app.slug}`],
          [instance.name, path],
        ]}
        create={instance.viewerCan.createKey && !deleted ? { app, instance } : undefined}
      />
    </>
  )
}
