import { Button, Checkbox } from '@mantine/core'
import { useState } from 'react'
import { useMutation, useQuery } from 'urql'
import { Dialog } from '../elements/dialog.tsx'
import { Done } from '../elements/done.tsx'
import { ServerProblem } from '../elements/problem.tsx'
import { type MemberRowFragment, PortalOrphansToBeDocument, PortalRemoveMemberDocument } from '../generated/operations.ts'

interface Props {
  readonly member: MemberRowFragment
  readonly onRemoved: () => void
  readonly onClose: () => void
}

/** Says how many keys become orphans before it is confirmed, and how many did afterwards. */
export function RemoveMemberDialog({ member, onRemoved, onClose }: Props) {
  const [agreed, setAgreed] = useState(false)
  const [keys] = useQuery({
    query: PortalOrphansToBeDocument,
    variables: { filter: { createdById: member.id, status: ['ACTIVE', 'EXPIRED'] } },
    requestPolicy: 'network-only',
  })
  const [{ data, error, fetching }, remove] = useMutation(PortalRemoveMemberDocument)
  const outcome = data?.removeMember
  if (outcome) {
    return (
      <Dialog title="Member removed" onClose={onClose}>
        <Done propagation={outcome.propagation} onClose={onClose}>
          {member.name} is removed. {outcome.orphanedKeys} of their keys are now orphaned.
        </Done>
      </Dialog>
    )
  }
  const orphans = keys.data?.apiKeys
  return (
    <Dialog title={`Remove ${member.name}`} onClose={fetching ? undefined : onClose}>
      <p>
        {orphans ? (
          <strong>
            {orphans.totalCountIsExact ? '' : 'More than '}
            {orphans.totalCount} {orphans.totalCount === 1 ? 'key becomes an orphan' : 'keys become orphans'}.
          </strong>
        ) : (
          'Counting the keys that become orphans …'
        )}{' '}
        They stop on every node at once, and so does every sign-in of {member.name}. This can't be undone.
      </p>
      <Checkbox
        checked={agreed}
        onChange={(event) => setAgreed(event.currentTarget.checked)}
        label="I understand that whatever uses these keys stops working."
      />
      {error && <ServerProblem title="The member was not removed" error={error} />}
      <div className="dialog-foot">
        <Button variant="default" data-autofocus disabled={fetching} onClick={onClose}>
          Cancel
        </Button>
        <Button
          color="danger"
          loading={fetching}
          disabled={!agreed || !orphans}
          onClick={() => void remove({ input: { id: member.id, acknowledged: true } }).then((result) => result.data && onRemoved())}
        >
          Remove
        </Button>
      </div>
    </Dialog>
  )
}
