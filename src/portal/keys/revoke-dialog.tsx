import { Button, Checkbox } from '@mantine/core'
import { useState } from 'react'
import { useMutation } from 'urql'
import { Dialog } from '../elements/dialog.tsx'
import { Done } from '../elements/done.tsx'
import { ServerProblem } from '../elements/problem.tsx'
import { type KeyRowFragment, PortalRevokeApiKeysDocument } from '../generated/operations.ts'
import { RevokeFacts, RevokeList } from './revoke-facts.tsx'
import { outcomes } from './words.ts'

interface Props {
  readonly keys: readonly KeyRowFragment[]
  readonly onClose: () => void
  readonly onRevoked: () => void
}

/** Asks, then shows what the server answered; nothing is said to be revoked before. */
export function RevokeDialog({ keys, onClose, onRevoked }: Props) {
  const [agreed, setAgreed] = useState(false)
  const [{ data, error, fetching }, revoke] = useMutation(PortalRevokeApiKeysDocument)
  const [only] = keys.length === 1 ? keys : []
  const outcome = data?.revokeApiKeys
  const what = only ? 'API key' : `${keys.length} API keys`
  if (outcome) {
    const refused = outcome.results.filter(({ errorCode }) => errorCode !== null)
    const revoked = keys.length - refused.length
    return (
      <Dialog title={refused.length === 0 ? `${what} revoked` : `Revoked ${revoked} of ${keys.length}`} onClose={onClose}>
        {keys.length > 1 || refused.length > 0 ? (
          <RevokeList keys={keys} outcomeOf={(id) => words(outcome.results.find((result) => result.id === id)?.errorCode ?? null)} />
        ) : null}
        <Done propagation={outcome.propagation} onClose={onClose}>
          {only && refused.length === 0 ? `${only.name} opens nothing any more.` : `${revoked} ${revoked === 1 ? 'key opens' : 'keys open'} nothing any more.`}
        </Done>
      </Dialog>
    )
  }
  return (
    <Dialog title={`Revoke ${what}`} onClose={fetching ? undefined : onClose}>
      {only ? <RevokeFacts row={only} /> : <RevokeList keys={keys} />}
      <p>
        Requests with {only ? 'this key' : 'these keys'} are refused on every node as soon as you revoke {only ? 'it' : 'them'}. This can't be undone.
      </p>
      <Checkbox
        checked={agreed}
        onChange={(event) => setAgreed(event.currentTarget.checked)}
        label={`I understand that whatever uses ${only ? 'this key' : 'these keys'} stops working.`}
      />
      {error && <ServerProblem title={only ? 'The key was not revoked' : 'The keys were not revoked'} error={error} />}
      <div className="dialog-foot">
        <Button variant="default" data-autofocus disabled={fetching} onClick={onClose}>
          Cancel
        </Button>
        <Button
          color="danger"
          loading={fetching}
          disabled={!agreed}
          onClick={() => void revoke({ input: { ids: keys.map(({ id }) => id), acknowledged: true } }).then((result) => result.data && onRevoked())}
        >
          Revoke
        </Button>
      </div>
    </Dialog>
  )
}

const words = (errorCode: string | null): string => (errorCode === null ? 'Revoked' : (outcomes[errorCode] ?? `Not revoked: ${errorCode}`))
