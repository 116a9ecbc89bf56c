import { useCallback, useMemo, useState } from 'react'
import { useQuery } from 'urql'
import { Choice } from '../elements/choice.tsx'
import { Empty } from '../elements/empty.tsx'
import { ListFoot } from '../elements/list-foot.tsx'
import { ServerProblem } from '../elements/problem.tsx'
import { day } from '../elements/time.ts'
import { useAddress } from '../elements/use-address.ts'
import { type EventKind, PortalAuditLogDocument, PortalKeyDocument, PortalMembersDocument } from '../generated/operations.ts'
import { useEvents, useFresh } from '../graphql/events.ts'
import { usePages } from '../graphql/use-pages.ts'
import { Page } from '../shell/page.tsx'
import { useViewer } from '../shell/viewer.ts'
import { EventTable } from './event-table.tsx'
import { kindNames } from './words.ts'

const spans = [
  ['1', 'Last 24 hours'],
  ['7', 'Last 7 days'],
  ['30', 'Last 30 days'],
] as const

/** The audit log, live. */
export function ActivityPage() {
  const { viewer } = useViewer()
  const [get, set] = useAddress()
  const [kind, since, actorId, apiKeyId, instanceId] = [get('kind') as EventKind | undefined, get('since'), get('actor'), get('key'), get('instance')]
  const known = kind !== undefined && Object.hasOwn(kindNames, kind) ? kind : undefined
  const from = useMemo(() => (Number(since) > 0 ? new Date(Date.now() - Number(since) * day).toISOString() : undefined), [since])
  const filter = { actorId, apiKeyId, instanceId, kinds: known && [known], since: from }
  const list = usePages(PortalAuditLogDocument, { filter, first: 25 }, (data) => data.auditLog)
  const fresh = useNewEvents(list.refresh)
  const [members] = useQuery({ query: PortalMembersDocument, variables: { first: 100, filter: { includeRemoved: true } } })
  const [key] = useQuery({ query: PortalKeyDocument, variables: { id: apiKeyId ?? '' }, pause: apiKeyId === undefined })
  const actors = members.data?.members?.edges.map(({ node }): [string, string] => [node.id, node.removedAt ? `${node.name} (removed)` : node.name]) ?? []
  if (!viewer.can.readAuditLog) {
    return (
      <Page title="Activity">
        <Empty title="You may not read the audit log">Owners and Aura Owners of {viewer.organization.name} read it. Ask one of them.</Empty>
      </Page>
    )
  }
  const filtered = Boolean(actorId || apiKeyId || instanceId || known || since)
  return (
    <Page title="Activity" subtitle="Every change of the organization, newest first, and who made it.">
      <div className="toolbar">
        <Choice label="Who" value={actorId} options={actors} onChange={(actor) => set({ actor })} />
        <Choice label="What" value={known} options={Object.entries(kindNames)} onChange={(next) => set({ kind: next })} />
        <Choice label="Since ever" value={since} options={spans} onChange={(next) => set({ since: next })} />
        {apiKeyId && (
          <button type="button" className="chip" onClick={() => set({ key: undefined })}>
            Key {key.data?.apiKey?.name ?? apiKeyId} <span aria-hidden="true">×</span>
            <span className="hidden-text">: remove this filter</span>
          </button>
        )}
        {instanceId && (
          <button type="button" className="chip" onClick={() => set({ instance: undefined })}>
            One instance <span aria-hidden="true">×</span>
            <span className="hidden-text">: remove this filter</span>
          </button>
        )}
      </div>
      {list.error && <ServerProblem title="The audit log could not be read" error={list.error} onRetry={list.refresh} />}
      {list.rows?.length === 0 && (
        <Empty title={filtered ? 'Nothing matches' : 'Nothing happened yet'}>{filtered ? 'Change or remove the filters above.' : undefined}</Empty>
      )}
      {(list.rows ? list.rows.length > 0 : !list.error) && (
        <div className="table-card">
          <EventTable rows={list.rows} fresh={fresh} />
          <ListFoot list={list} what="entries" />
        </div>
      )}
    </Page>
  )
}

const everything = [''] as const

/** Reads the log anew when something happens. Returns the ids of what happened meanwhile. */
function useNewEvents(refresh: () => void): ReadonlySet<string> {
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set())
  useEvents(useCallback((event) => event && setFresh((ids) => new Set(ids).add(event.id)), []))
  useFresh(everything, refresh)
  return fresh
}
