import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { Provider, useQuery } from 'urql'
import { forgetCounts } from '../counts/store.ts'
import { WatchAllCounts, WatchCounts } from '../counts/watch-counts.tsx'
import { ServerProblem } from '../elements/problem.tsx'
import { PageSkeleton } from '../elements/skeleton.tsx'
import { PortalAppsDocument, PortalViewerDocument } from '../generated/operations.ts'
import { createClient } from '../graphql/client.ts'
import { useReturns } from '../graphql/connection.ts'
import { useFresh } from '../graphql/events.ts'
import { Sidebar } from './sidebar.tsx'
import { ViewerContext } from './viewer.ts'
import { WatchEvents } from './watch-events.tsx'

/** Everything around a page, for one session: its client, who looks, and the navigation. */
export function Shell({ children }: { children: ReactNode }) {
  const [connection, setConnection] = useState<ReturnType<typeof createClient>>()
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>
    let made: ReturnType<typeof createClient>
    const make = () => {
      made = createClient(() => {
        timer = setTimeout(make, 5_000)
      })
      setConnection(made)
    }
    forgetCounts()
    make()
    return () => {
      clearTimeout(timer)
      made.close()
    }
  }, [])
  if (!connection) return <PageSkeleton />
  return (
    <Provider value={connection.client}>
      <Frame>{children}</Frame>
    </Provider>
  )
}

/** The viewer's own role, and apps. */
const changing = ['MEMBER_', 'APP_'] as const

function Frame({ children }: { children: ReactNode }) {
  const [viewer, readViewer] = useQuery({ query: PortalViewerDocument })
  const [apps, readApps] = useQuery({ query: PortalAppsDocument })
  const [open, setOpen] = useState(false)
  const returns = useReturns()
  const readAnew = useCallback(() => {
    readViewer({ requestPolicy: 'network-only' })
    readApps({ requestPolicy: 'network-only' })
  }, [readViewer, readApps])
  useEffect(() => {
    if (returns > 0) readAnew()
  }, [returns, readAnew])
  useFresh(changing, readAnew)
  const current = useMemo(() => viewer.data && apps.data && { viewer: viewer.data.viewer, apps: apps.data.apps }, [viewer.data, apps.data])
  // An answer that failed takes nothing away that is shown already, least of all a key that is shown only once.
  const last = useRef(current)
  last.current = current ?? last.current
  const known = last.current
  const error = viewer.error ?? apps.error
  if (!known && error) {
    return (
      <main className="sign-in">
        <ServerProblem title="The portal could not load" error={error} onRetry={() => location.reload()} />
      </main>
    )
  }
  if (!known) return <PageSkeleton />
  return (
    <ViewerContext value={known}>
      <WatchAllCounts />
      {known.viewer.can.readAuditLog && <WatchEvents />}
      <WatchCounts appIds={known.apps.map(({ id }) => id)} />
      <a className="skip-link" href="#main">
        Skip to the content
      </a>
      <div className="shell" data-menu={open}>
        <Sidebar open={open} onToggle={setOpen} />
        <div className="page">{children}</div>
      </div>
      <div id="announcements" className="hidden-text" role="status" aria-live="polite" />
    </ViewerContext>
  )
}
