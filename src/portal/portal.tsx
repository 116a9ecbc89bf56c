import { lazy, Suspense } from 'react'
import { Redirect, Route, Router, Switch } from 'wouter'
import { AppPage } from './apps/app-page.tsx'
import { FirstApp } from './apps/first-app.tsx'
import { Empty } from './elements/empty.tsx'
import { PageSkeleton } from './elements/skeleton.tsx'
import { InstancePage } from './instances/instance-page.tsx'
import { InstanceRedirect } from './instances/instance-redirect.tsx'
import { AllKeysPage, AppKeysPage, InstanceKeysPage } from './keys/keys-pages.tsx'
import { SecretsPage } from './secrets/secrets-page.tsx'
import { SessionGate } from './session/session-gate.tsx'
import { Page } from './shell/page.tsx'
import { Shell } from './shell/shell.tsx'

// Few people open these, and not first.
const ActivityPage = lazy(() => import('./activity/activity-page.tsx').then((module) => ({ default: module.ActivityPage })))
const AccessPage = lazy(() => import('./members/access-page.tsx').then((module) => ({ default: module.AccessPage })))

export const Portal = () => (
  <Router base="/portal">
    <SessionGate>
      <Shell>
        <Suspense fallback={<PageSkeleton />}>
          <Switch>
            <Route path="/apps/:slug">{({ slug }) => <AppPage slug={slug} />}</Route>
            <Route path="/apps/:slug/keys">{({ slug }) => <AppKeysPage slug={slug} />}</Route>
            <Route path="/apps/:slug/instances/:id">{({ id }) => <InstancePage id={id} />}</Route>
            <Route path="/apps/:slug/instances/:id/keys">{({ id }) => <InstanceKeysPage id={id} />}</Route>
            <Route path="/instances/:id">{({ id }) => <InstanceRedirect id={id} />}</Route>
            <Route path="/keys" component={AllKeysPage} />
            <Route path="/orphaned">
              <Redirect to="/keys?tab=orphaned" replace />
            </Route>
            <Route path="/secrets" component={SecretsPage} />
            <Route path="/activity" component={ActivityPage} />
            <Route path="/access" component={AccessPage} />
            <Route path="/" component={FirstApp} />
            <Route path="/signin" component={FirstApp} />
            <Route>
              <Page title="Not found">
                <Empty title="There is nothing at this address">It may have moved, or you may not see it. Choose an app on the left.</Empty>
              </Page>
            </Route>
          </Switch>
        </Suspense>
      </Shell>
    </SessionGate>
  </Router>
)
