import { useEffect, useState } from 'react'
import { useClient, useSubscription } from 'urql'
import { PortalEventsDocument, PortalViewerDocument } from '../generated/operations.ts'
import { useReturns } from '../graphql/connection.ts'
import { happened } from '../graphql/events.ts'
import { useViewer } from './viewer.ts'

/** Follows what happens in the organization, for those who may read its audit log; lists read themselves anew by it. */
export function WatchEvents() {
  const client = useClient()
  const returns = useReturns()
  const { version } = useViewer().viewer.organization
  // From the version that was read first, so that nothing is missed before the feed is there, or while it is away.
  const [after, setAfter] = useState(version)
  const [{ error }] = useSubscription({ query: PortalEventsDocument, variables: { after } }, (_, data) => {
    happened(data.events)
    return data
  })
  const resync = error?.graphQLErrors.some(({ extensions }) => extensions['code'] === 'RESYNC') ?? false
  // biome-ignore lint/correctness/useExhaustiveDependencies: what failed while the connection was lost is tried again once it is back
  useEffect(() => {
    if (!error) return
    // Either the right to follow is lost, which the viewer then says, or events since are not all there: then lists are read after the feed's new position.
    void client
      .query(PortalViewerDocument, {}, { requestPolicy: 'network-only' })
      .toPromise()
      .then(({ data }) => {
        if (!data || !resync) return
        setAfter(data.viewer.organization.version)
        happened()
      })
  }, [client, error, resync, returns])
  return null
}
