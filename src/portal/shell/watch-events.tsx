import { useEffect } from 'react'
import { useSubscription } from 'urql'
import { PortalEventsDocument } from '../generated/operations.ts'
import { happened } from '../graphql/events.ts'

/** Follows what happens in the organization, for those who may read its audit log; lists read themselves anew by it. */
export function WatchEvents() {
  const [{ error }, follow] = useSubscription({ query: PortalEventsDocument }, (_, data) => {
    happened(data.events)
    return data
  })
  const resync = error?.graphQLErrors.some((each) => each.extensions['code'] === 'RESYNC') ?? false
  useEffect(() => {
    if (!resync) return
    happened()
    follow()
  }, [resync, follow])
  return null
}
