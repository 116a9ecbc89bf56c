import { Button, Checkbox } from '@mantine/core'
import { useState } from 'react'
import { useMutation } from 'urql'
import { Count } from '../counts/count.tsx'
import { useCounts } from '../counts/store.ts'
import { Dialog } from '../elements/dialog.tsx'
import { Done } from '../elements/done.tsx'
import { ServerProblem } from '../elements/problem.tsx'
import { type InstanceRowFragment, PortalDeleteAppInstanceDocument } from '../generated/operations.ts'
import { instancesChanged } from './changes.ts'

interface Props {
  readonly instance: InstanceRowFragment
  readonly onClose: () => void
}

/** Says how many keys become orphans before it is confirmed, and how many did afterwards. */
export function DeleteInstanceDialog({ instance, onClose }: Props) {
  const counts = useCounts(instance.id)
  const [agreed, setAgreed] = useState(false)
  const [{ data, error, fetching }, remove] = useMutation(PortalDeleteAppInstanceDocument)
  const outcome = data?.deleteAppInstance
  if (outcome) {
    const close = () => {
      onClose()
      instancesChanged()
    }
    return (
      <Dialog title="Instance deleted" onClose={close}>
        <Done propagation={outcome.propagation} onClose={close}>
          {instance.name} is deleted. {outcome.orphanedKeys} of its keys are now orphaned.
        </Done>
      </Dialog>
    )
  }
  return (
    <Dialog title={`Delete ${instance.name}`} onClose={fetching ? undefined : onClose}>
      <p>
        <strong>
          <Count value={counts?.active} /> active
        </strong>{' '}
        and <Count value={counts?.expired} /> expired keys become orphans: they stop on every node at once, and only Owners can revoke them. This can't be
        undone.
      </p>
      <Checkbox
        checked={agreed}
        onChange={(event) => setAgreed(event.currentTarget.checked)}
        label="I understand that whatever uses these keys stops working."
      />
      {error && <ServerProblem title="The instance was not deleted" error={error} />}
      <div className="dialog-foot">
        <Button variant="default" data-autofocus disabled={fetching} onClick={onClose}>
          Cancel
        </Button>
        <Button color="danger" loading={fetching} disabled={!agreed} onClick={() => void remove({ input: { id: instance.id, acknowledged: true } })}>
          Delete
        </Button>
      </div>
    </Dialog>
  )
}
