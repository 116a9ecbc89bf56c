import { Icon as IconUserMinus } from 'virtual:icon/user-minus'
import { ActionIcon } from '@mantine/core'
import { useMutation } from 'urql'
import { Badge } from '../elements/badge.tsx'
import { Moment } from '../elements/moment.tsx'
import { Person } from '../elements/person.tsx'
import { ServerProblem } from '../elements/problem.tsx'
import { SkeletonRows } from '../elements/skeleton.tsx'
import { type MemberRowFragment, type OrganizationRole, PortalSetMemberRoleDocument } from '../generated/operations.ts'
import { roleNames, useViewer } from '../shell/viewer.ts'

interface Props {
  readonly rows: readonly MemberRowFragment[] | undefined
  readonly onRemove: (member: MemberRowFragment) => void
}

export function MemberTable({ rows, onRemove }: Props) {
  const { viewer } = useViewer()
  const [{ error }, setRole] = useMutation(PortalSetMemberRoleDocument)
  return (
    <>
      {error && <ServerProblem title="The role was not changed" error={error} />}
      <table aria-busy={!rows}>
        <caption className="hidden-text">Members</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Address</th>
            <th scope="col">Role</th>
            <th scope="col">Since</th>
            {viewer.can.manageMembers && (
              <th scope="col" className="actions">
                Actions
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {rows?.map((row) => (
            <tr key={row.id}>
              <th scope="row" data-label="Name">
                <Person name={row.name} note={row.id === viewer.member.id ? '(you)' : undefined} />
              </th>
              <td data-label="Address">{row.email ?? row.subject ?? <span className="muted">For Owners only</span>}</td>
              <td data-label="Role">
                {viewer.can.manageMembers && !row.removedAt ? (
                  <select
                    className="choice"
                    aria-label={`Role of ${row.name}`}
                    value={row.role}
                    onChange={(event) => void setRole({ input: { id: row.id, role: event.target.value as OrganizationRole } })}
                  >
                    {Object.entries(roleNames).map(([role, name]) => (
                      <option key={role} value={role}>
                        {name}
                      </option>
                    ))}
                  </select>
                ) : (
                  roleNames[row.role]
                )}
              </td>
              <td data-label="Since">
                <Moment at={row.joinedAt} as="date" /> {row.removedAt && <Badge tone="red">Removed</Badge>}
              </td>
              {viewer.can.manageMembers && (
                <td data-label="Actions" className="actions">
                  {!row.removedAt && (
                    <ActionIcon variant="subtle" color="gray" size={28} aria-label={`Remove ${row.name}`} onClick={() => onRemove(row)}>
                      <IconUserMinus size={16} stroke={1.7} />
                    </ActionIcon>
                  )}
                </td>
              )}
            </tr>
          )) ?? <SkeletonRows columns={5} />}
        </tbody>
      </table>
    </>
  )
}
