import { useSubscription } from 'urql'
import { PortalKeyCountsDocument, PortalKeyCountsOfDocument } from '../generated/operations.ts'
import { putCounts } from './store.ts'

/** Follows the counts of everything that the viewer may see. */
export function WatchAllCounts() {
  useSubscription({ query: PortalKeyCountsDocument }, (_, data) => {
    putCounts('all', data.keyCounts)
    return data
  })
  return null
}

const atMost = 100

/** Follows the counts of these apps or instances, a hundred with one subscription. */
export function WatchCounts({ appIds = [], instanceIds = [] }: { appIds?: readonly string[]; instanceIds?: readonly string[] }) {
  const parts: { appIds: string[]; instanceIds: string[] }[] = []
  for (let from = 0; from < appIds.length; from += atMost) parts.push({ appIds: appIds.slice(from, from + atMost), instanceIds: [] })
  for (let from = 0; from < instanceIds.length; from += atMost) parts.push({ appIds: [], instanceIds: instanceIds.slice(from, from + atMost) })
  return parts.map((part) => <WatchPart key={[...part.appIds, ...part.instanceIds].join()} {...part} />)
}

function WatchPart(variables: { appIds: string[]; instanceIds: string[] }) {
  useSubscription({ query: PortalKeyCountsOfDocument, variables }, (_, data) => {
    for (const { app, instance, counts } of data.keyCountsOf) {
      const id = app?.id ?? instance?.id
      if (id) putCounts(id, counts)
    }
    return data
  })
  return null
}
