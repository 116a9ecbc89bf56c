import { Redirect } from 'wouter'
import { Empty } from '../elements/empty.tsx'
import { Page } from '../shell/page.tsx'
import { useViewer } from '../shell/viewer.ts'

/** Where the portal begins. */
export function FirstApp() {
  const { apps, viewer } = useViewer()
  const first = apps[0]
  if (first) return <Redirect to={`/apps/${first.slug}`} replace />
  return (
    <Page title="Apps">
      <Empty title="No apps yet">
        {viewer.can.createApp
          ? 'Create one with the mutation createApp; it appears here with its instances.'
          : 'An Owner of your organization adds the first one.'}
      </Empty>
    </Page>
  )
}
