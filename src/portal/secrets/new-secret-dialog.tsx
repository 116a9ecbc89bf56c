import { Button, TextInput } from '@mantine/core'
import { useState } from 'react'
import type { CombinedError } from 'urql'
import { Dialog } from '../elements/dialog.tsx'
import { ServerProblem } from '../elements/problem.tsx'
import { PortalSaveApiKeyAsSecretDocument } from '../generated/operations.ts'
import { refusalOf } from '../graphql/refusal.ts'
import { sendOnce } from '../graphql/send-once.ts'

interface Props {
  readonly saveToken: string
  readonly suggestion: string
  readonly onClose: () => void
  readonly onSaved: (name: string) => void
}

const nameFrom = (text: string): string =>
  text
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_')
    .replace(/^_|_$/g, '')
    .slice(0, 64)

/** Stores a new key as a secret by its token: the server has its text, and the page never sends it back. */
export function NewSecretDialog({ saveToken, suggestion, onClose, onSaved }: Props) {
  const [name, setName] = useState(() => nameFrom(suggestion))
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<CombinedError>()
  const refusal = error && refusalOf(error)
  const save = async () => {
    setBusy(true)
    setError(undefined)
    // Not through the cache: the token of the input is worth the key for fifteen minutes.
    await sendOnce(PortalSaveApiKeyAsSecretDocument, { input: { name, saveToken } })
      .then(() => onSaved(name))
      .catch(setError)
    setBusy(false)
  }
  return (
    <Dialog title="New Secret" onClose={busy ? undefined : onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault()
          void save()
        }}
      >
        <TextInput
          data-autofocus
          label="Name"
          description="Letters, digits and underscores; unique in your organization."
          autoComplete="off"
          maxLength={64}
          value={name}
          error={name !== '' && !/^[A-Za-z0-9_]+$/.test(name) ? 'Only letters, digits and underscores.' : refusal?.field === 'name' && refusal.message}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        {error && refusal?.field !== 'name' && <ServerProblem title="The secret was not created" error={error} />}
        <div className="dialog-foot">
          <Button variant="default" disabled={busy} onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={busy} disabled={!/^[A-Za-z0-9_]+$/.test(name)}>
            Create Secret
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
