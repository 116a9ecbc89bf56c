import { useState } from 'react'
import { Redirect, useSearch } from 'wouter'
import { Empty } from '../elements/empty.tsx'
import { takePlace } from '../session/session.ts'
import { ChooseOrganization } from '../shell/choose-organization.tsx'
import { Page } from '../shell/page.tsx'
import { useViewer } from '../shell/viewer.ts'

/** Where the portal begins: where the person was before they had to sign in, or else at the first app. */
export function FirstApp() {
  const { apps, viewer } = useViewer()
  const [before] = useState(takePlace)
  const choosing = new URLSearchParams(useSearch()).get('choose') === 'organization'
  const first = apps[0]
  if (choosing && viewer.organizations.length > 1) return <ChooseOrganization />
  if (before) return <Redirect to={before} replace />
  if (first) return <Redirect to={`/apps/${first.slug}`} replace />
  return (
    <Page title="Apps">
      <Empty title="No apps yet">
        {viewer.can.createApp
          ? 'Create the first one through the API, with createApp. It then appears here with its instances.'
          : 'An Owner of your organization adds the first one.'}
      </Empty>
    </Page>
  )
}
