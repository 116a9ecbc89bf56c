import { Button } from '@mantine/core'
import { useState } from 'react'
import { useMutation, useQuery } from 'urql'
import { ListFoot } from '../elements/list-foot.tsx'
import { Person } from '../elements/person.tsx'
import { ServerProblem } from '../elements/problem.tsx'
import { type InstanceRole, PortalInstanceAccessDocument, PortalMembersDocument, PortalSetInstanceAccessDocument } from '../generated/operations.ts'
import { useFresh } from '../graphql/events.ts'
import { usePages } from '../graphql/use-pages.ts'

const roles = { OWNER: 'Owner', USER: 'User' } as const

const changing = ['INSTANCE_', 'MEMBER_'] as const

/** Who has which role on an instance, for those who may change that. */
export function InstanceAccess({ instanceId, name }: { instanceId: string; name: string }) {
  const list = usePages(PortalInstanceAccessDocument, { id: instanceId, first: 25 }, (data) => data.instance?.access)
  useFresh(changing, list.refresh)
  const [members] = useQuery({ query: PortalMembersDocument, variables: { first: 100 } })
  const [{ error, fetching }, change] = useMutation(PortalSetInstanceAccessDocument)
  const [added, setAdded] = useState('')
  const set = (memberId: string, role: InstanceRole | null) => change({ input: { instanceId, memberId, role } }).then((result) => result.data && list.refresh())
  const present = new Set(list.rows?.map(({ member }) => member.id))
  // Organization owners may everything without a role.
  const others = members.data?.members?.edges.map(({ node }) => node).filter((node) => node.role === 'MEMBER' && !present.has(node.id)) ?? []
  return (
    <section aria-labelledby="access-title" className="section">
      <h2 id="access-title">Access to {name}</h2>
      <p className="muted">Users see its keys, create keys and revoke their own. Owners also revoke others' keys, delete the instance and grant roles.</p>
      {(list.error ?? error) && <ServerProblem title="Something about the roles did not work" error={(list.error ?? error) as never} />}
      <div className="table-card">
        <table>
          <caption className="hidden-text">Roles on {name}</caption>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Role</th>
            </tr>
          </thead>
          <tbody>
            {list.rows?.map(({ member, role }) => (
              <tr key={member.id}>
                <th scope="row" data-label="Name">
                  <Person name={member.name} />
                </th>
                <td data-label="Role">
                  <select
                    className="choice"
                    aria-label={`Role of ${member.name}`}
                    value={role}
                    disabled={fetching}
                    onChange={(event) => void set(member.id, (event.target.value || null) as InstanceRole | null)}
                  >
                    {Object.entries(roles).map(([value, text]) => (
                      <option key={value} value={value}>
                        {text}
                      </option>
                    ))}
                    <option value="">No access</option>
                  </select>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        <ListFoot list={list} what="members with a role" />
      </div>
      <form
        className="toolbar"
        onSubmit={(event) => {
          event.preventDefault()
          void set(added, 'USER').then(() => setAdded(''))
        }}
      >
        <select className="choice" aria-label="Member" value={added} onChange={(event) => setAdded(event.target.value)}>
          <option value="">Choose a member</option>
          {others.map((node) => (
            <option key={node.id} value={node.id}>
              {node.name}
            </option>
          ))}
        </select>
        <Button type="submit" size="compact-sm" variant="default" disabled={added === ''} loading={fetching}>
          Grant access
        </Button>
      </form>
    </section>
  )
}
