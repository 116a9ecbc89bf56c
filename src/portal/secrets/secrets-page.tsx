import { Icon as IconTrash } from 'virtual:icon/trash'
import { ActionIcon, Button } from '@mantine/core'
import { useState } from 'react'
import { Link } from 'wouter'
import { Badge } from '../elements/badge.tsx'
import { Empty } from '../elements/empty.tsx'
import { ListFoot } from '../elements/list-foot.tsx'
import { Moment } from '../elements/moment.tsx'
import { Person } from '../elements/person.tsx'
import { ServerProblem } from '../elements/problem.tsx'
import { SkeletonRows } from '../elements/skeleton.tsx'
import { PortalSecretsDocument, type SecretRowFragment } from '../generated/operations.ts'
import { useFresh } from '../graphql/events.ts'
import { usePages } from '../graphql/use-pages.ts'
import { Page } from '../shell/page.tsx'
import { useViewer } from '../shell/viewer.ts'
import { DeleteSecretDialog } from './delete-secret-dialog.tsx'
import { RevealDialog } from './reveal-dialog.tsx'

const changing = ['SECRET_', 'API_KEY_', 'MEMBER_'] as const

export function SecretsPage() {
  const { viewer } = useViewer()
  const list = usePages(PortalSecretsDocument, { first: 25 }, (data) => data.secrets)
  useFresh(changing, list.refresh)
  const [revealing, setRevealing] = useState<SecretRowFragment>()
  const [deleting, setDeleting] = useState<SecretRowFragment>()
  return (
    <Page
      title="Secrets"
      subtitle={
        viewer.member.role === 'OWNER'
          ? 'All secrets of the organization. Each reveal is in the audit log.'
          : 'The secrets that you saved. Each reveal is in the audit log.'
      }
    >
      {list.error && <ServerProblem title="The secrets could not be read" error={list.error} onRetry={list.refresh} />}
      {list.rows?.length === 0 && (
        <Empty title="No secrets yet">Choose “Save As Secret” when you create an API key: the server stores its text encrypted.</Empty>
      )}
      {(list.rows ? list.rows.length > 0 : !list.error) && (
        <div className="table-card">
          <table aria-busy={!list.rows}>
            <caption className="hidden-text">Secrets</caption>
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Key</th>
                <th scope="col">Saved by</th>
                <th scope="col">Saved</th>
                <th scope="col" className="actions">
                  Actions
                </th>
              </tr>
            </thead>
            <tbody>
              {list.rows?.map((row) => <Row key={row.id} row={row} onReveal={() => setRevealing(row)} onDelete={() => setDeleting(row)} />) ?? (
                <SkeletonRows columns={5} />
              )}
            </tbody>
          </table>
          <ListFoot list={list} what="secrets" />
        </div>
      )}
      {revealing && <RevealDialog secret={revealing} onClose={() => setRevealing(undefined)} />}
      {deleting && <DeleteSecretDialog secret={deleting} onDeleted={list.refresh} onClose={() => setDeleting(undefined)} />}
    </Page>
  )
}

function Row({ row, onReveal, onDelete }: { row: SecretRowFragment; onReveal: () => void; onDelete: () => void }) {
  return (
    <tr>
      <th scope="row" data-label="Name">
        <code>{row.name}</code>
      </th>
      <td data-label="Key">
        {row.apiKey ? (
          <>
            <Link href={`/apps/${row.apiKey.app.slug}/instances/${row.apiKey.instance.id}/keys`}>{row.apiKey.name}</Link>{' '}
            {row.apiKey.status !== 'ACTIVE' && <Badge tone="red">{row.apiKey.status.toLowerCase()}</Badge>}
          </>
        ) : (
          <span className="muted">Out of your sight</span>
        )}
      </td>
      <td data-label="Saved by">
        <Person name={row.createdBy.name} note={row.createdBy.removedAt ? '(removed)' : undefined} />
      </td>
      <td data-label="Saved">
        <Moment at={row.createdAt} as="date" />
      </td>
      <td data-label="Actions" className="actions">
        <Button size="compact-sm" variant="default" aria-label={`Reveal ${row.name}`} onClick={onReveal}>
          Reveal
        </Button>
        <ActionIcon variant="subtle" color="gray" size={28} aria-label={`Delete ${row.name}`} onClick={onDelete}>
          <IconTrash size={16} stroke={1.7} />
        </ActionIcon>
      </td>
    </tr>
  )
}
