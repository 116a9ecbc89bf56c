import { Button } from '@mantine/core'
import { useEffect } from 'react'
import { Link } from 'wouter'
import { Count } from '../counts/count.tsx'
import { useCounts } from '../counts/store.ts'
import { WatchCounts } from '../counts/watch-counts.tsx'
import { Empty } from '../elements/empty.tsx'
import { ListFoot } from '../elements/list-foot.tsx'
import { Moment } from '../elements/moment.tsx'
import { Person } from '../elements/person.tsx'
import { ServerProblem } from '../elements/problem.tsx'
import { SkeletonRows } from '../elements/skeleton.tsx'
import { type InstanceRowFragment, type InstanceStatus, PortalInstancesDocument } from '../generated/operations.ts'
import { useFresh } from '../graphql/events.ts'
import { usePages } from '../graphql/use-pages.ts'
import { whenInstancesChange } from './changes.ts'
import { StatusBadge } from './status.tsx'

const changing = ['INSTANCE_'] as const

interface Props {
  readonly slug: string
  readonly search: string | undefined
  readonly status: InstanceStatus | undefined
  /** For those who may create one. */
  readonly onCreate: (() => void) | undefined
}

export function InstanceTable({ slug, search, status, onCreate }: Props) {
  const list = usePages(PortalInstancesDocument, { slug, filter: { search, status: status && [status] }, first: 25 }, (data) => data.app?.instances)
  useFresh(changing, list.refresh)
  useEffect(() => whenInstancesChange(list.refresh), [list.refresh])
  // Nobody watches the counts of what is deleted, and the server would end the subscription for all.
  const watched = list.rows?.filter((row) => row.status !== 'DELETED').map(({ id }) => id) ?? []
  if (list.error && !list.rows) return <ServerProblem title="The instances could not be read" error={list.error} onRetry={list.refresh} />
  if (list.rows?.length === 0) {
    return search || status ? (
      <Empty title="No instance matches">Change the search or the status above.</Empty>
    ) : (
      <Empty
        title="No instances yet"
        action={
          onCreate && (
            <Button variant="default" onClick={onCreate}>
              New instance
            </Button>
          )
        }
      >
        {onCreate ? 'Keys open instances: create the first one.' : 'You see the instances on which you have a role. An Owner grants it.'}
      </Empty>
    )
  }
  return (
    <div className="table-card">
      <WatchCounts instanceIds={watched} />
      <table aria-busy={!list.rows}>
        <caption className="hidden-text">Instances</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Status</th>
            <th scope="col">Created by</th>
            <th scope="col">Created</th>
            <th scope="col" className="number">
              API Keys
            </th>
          </tr>
        </thead>
        <tbody>{list.rows?.map((row) => <Row key={row.id} row={row} />) ?? <SkeletonRows columns={5} />}</tbody>
      </table>
      <ListFoot list={list} what="instances" />
    </div>
  )
}

function Row({ row }: { row: InstanceRowFragment }) {
  const counts = useCounts(row.id)
  const path = `/apps/${row.app.slug}/instances/${row.id}`
  return (
    <tr>
      <th scope="row" data-label="Name">
        <Link href={path}>{row.name}</Link>
      </th>
      <td data-label="Status">
        <StatusBadge status={row.status} />
      </td>
      <td data-label="Created by">
        <Person name={row.createdBy.name} />
      </td>
      <td data-label="Created">
        <Moment at={row.createdAt} as="date" />
      </td>
      <td data-label="API Keys" className="number">
        <Link href={row.status === 'DELETED' ? `${path}/keys?tab=orphaned` : `${path}/keys`} aria-label={`API keys of ${row.name}`}>
          {row.status === 'DELETED' ? 'Orphaned' : <Count value={counts?.total} />}
        </Link>
      </td>
    </tr>
  )
}
