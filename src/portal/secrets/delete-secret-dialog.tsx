import { Button } from '@mantine/core'
import { useMutation } from 'urql'
import { Dialog } from '../elements/dialog.tsx'
import { ServerProblem } from '../elements/problem.tsx'
import { PortalDeleteSecretDocument, type SecretRowFragment } from '../generated/operations.ts'

interface Props {
  readonly secret: SecretRowFragment
  readonly onDeleted: () => void
  readonly onClose: () => void
}

export function DeleteSecretDialog({ secret, onDeleted, onClose }: Props) {
  const [{ fetching, error }, remove] = useMutation(PortalDeleteSecretDocument)
  return (
    <Dialog title={`Delete ${secret.name}`} onClose={fetching ? undefined : onClose}>
      <p>
        The stored value is gone for good. The key itself {secret.apiKey ? <strong>{secret.apiKey.name}</strong> : null} goes on working: revoke it if nothing
        uses it any more.
      </p>
      {error && <ServerProblem title="The secret was not deleted" error={error} />}
      <div className="dialog-foot">
        <Button variant="default" data-autofocus disabled={fetching} onClick={onClose}>
          Cancel
        </Button>
        <Button
          color="danger"
          loading={fetching}
          onClick={async () => {
            const { data } = await remove({ input: { id: secret.id } })
            if (!data?.deleteSecret) return
            onDeleted()
            onClose()
          }}
        >
          Delete
        </Button>
      </div>
    </Dialog>
  )
}
