import { Button, TextInput } from '@mantine/core'
import { useState } from 'react'
import { Dialog } from '../elements/dialog.tsx'
import { Problem, ServerProblem } from '../elements/problem.tsx'
import { refusalOf } from '../graphql/refusal.ts'
import { useViewer } from '../shell/viewer.ts'
import { Expiration } from './expiration.tsx'
import { InstanceChoice } from './instance-choice.tsx'
import type { KeyPlace } from './key-view.ts'
import { endOf, type Lifetime } from './lifetime.ts'
import { type CreatedKey, useCreateKey } from './use-create-key.ts'
import { useStay } from './use-stay.ts'

interface Props {
  readonly place: KeyPlace
  readonly onClose: () => void
  readonly onCreated: (created: CreatedKey) => void
}

export function CreateKeyDialog({ place, onClose, onCreated }: Props) {
  const maxDays = useViewer().viewer.organization.maxKeyLifetimeDays
  const [instance, setInstance] = useState(place.instance)
  const [name, setName] = useState('')
  const [lifetime, setLifetime] = useState<Lifetime>({ days: Math.min(30, maxDays) })
  const { create, busy, error, unknown, lost } = useCreateKey(onCreated)
  // Who leaves now has a key that nobody saw.
  useStay(() => undefined, { active: busy, asks: true })
  const refusal = error && refusalOf(error)
  const at = (...fields: string[]) => refusal?.field !== undefined && fields.includes(refusal.field) && refusal.message
  const elsewhere = refusal && !at('name', 'expiresAt', 'expiresInDays', 'instanceId')
  const ready = name.trim() !== '' && instance !== undefined && ('days' in lifetime || lifetime.date !== null)

  if (lost) {
    return (
      <Dialog title="API key created" onClose={onClose}>
        <Problem title="Its text was lost on the way" onRetry={undefined}>
          The key exists, but its first answer did not arrive, and it is shown only once. Revoke “{name}”, and create another.
        </Problem>
        <div className="dialog-foot">
          <Button onClick={onClose}>Close</Button>
        </div>
      </Dialog>
    )
  }
  return (
    <Dialog title={`Create API key for ${place.app.name}${instance ? ` - ${instance.name}` : ''}`} size={500} onClose={busy ? undefined : onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault()
          if (!ready || busy) return
          const end = 'days' in lifetime ? { expiresInDays: lifetime.days } : { expiresAt: new Date(endOf(lifetime, 0) ?? 0).toISOString() }
          void create({ instanceId: instance.id, name, ...end })
        }}
      >
        <fieldset disabled={busy || unknown}>
          {!place.instance && <InstanceChoice slug={place.app.slug} value={instance} error={at('instanceId')} onChange={setInstance} />}
          <TextInput
            data-autofocus
            label="API Key Name"
            description="What uses it. You can't change it later."
            autoComplete="off"
            maxLength={64}
            value={name}
            error={at('name')}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Expiration value={lifetime} maxDays={maxDays} error={at('expiresAt', 'expiresInDays')} onChange={setLifetime} />
        </fieldset>
        {error && elsewhere && <ServerProblem title={unknown ? 'It is not known whether the key was created' : 'The key was not created'} error={error} />}
        {unknown && <p className="muted">Try again: the server creates it at most once.</p>}
        <div className="dialog-foot">
          <Button variant="default" disabled={busy} onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={busy} disabled={!ready}>
            {unknown ? 'Try again' : 'Create API Key'}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
