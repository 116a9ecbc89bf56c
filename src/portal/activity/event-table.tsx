import { Link } from 'wouter'
import { Badge } from '../elements/badge.tsx'
import { Moment } from '../elements/moment.tsx'
import { Person } from '../elements/person.tsx'
import { SkeletonRows } from '../elements/skeleton.tsx'
import type { EventRowFragment } from '../generated/operations.ts'
import { kindNames, toneOf } from './words.ts'

export const EventTable = ({ rows, fresh }: { rows: readonly EventRowFragment[] | undefined; fresh: ReadonlySet<string> }) => (
  <table aria-busy={!rows}>
    <caption className="hidden-text">Audit log</caption>
    <thead>
      <tr>
        <th scope="col">When</th>
        <th scope="col">Who</th>
        <th scope="col">What</th>
        <th scope="col">About</th>
        <th scope="col">Where</th>
      </tr>
    </thead>
    <tbody>
      {rows?.map((row) => (
        <tr key={row.id} data-new={fresh.has(row.id)}>
          <td data-label="When">
            <Moment at={row.occurredAt} />
          </td>
          <td data-label="Who">{row.actor ? <Person name={row.actor.name} /> : <span className="muted">The server</span>}</td>
          <td data-label="What">
            <Badge tone={toneOf(row.kind)}>{kindNames[row.kind]}</Badge>
          </td>
          <td data-label="About">
            <strong>{row.subjectName}</strong> {row.apiKey && <code>{row.apiKey.hint}</code>}
          </td>
          <td data-label="Where">
            <Place row={row} />
          </td>
        </tr>
      )) ?? <SkeletonRows columns={5} rows={9} />}
    </tbody>
  </table>
)

function Place({ row: { app, instance } }: { row: EventRowFragment }) {
  if (!app) return <span className="muted">Organization</span>
  return instance ? (
    <>
      <Link href={`/apps/${app.slug}/instances/${instance.id}`}>{instance.name}</Link>
      <span className="muted second-line">{app.name}</span>
    </>
  ) : (
    <Link href={`/apps/${app.slug}`}>{app.name}</Link>
  )
}
