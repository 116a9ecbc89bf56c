import { Button, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useMutation } from 'urql'
import { useLocation } from 'wouter'
import { Dialog } from '../elements/dialog.tsx'
import { ServerProblem } from '../elements/problem.tsx'
import { PortalCreateAppInstanceDocument } from '../generated/operations.ts'
import { refusalOf } from '../graphql/refusal.ts'
import type { App } from '../shell/viewer.ts'

export function CreateInstanceDialog({ app, onClose }: { app: App; onClose: () => void }) {
  const [name, setName] = useState('')
  const [{ fetching, error }, create] = useMutation(PortalCreateAppInstanceDocument)
  const [, go] = useLocation()
  const refusal = error && refusalOf(error)
  return (
    <Dialog title={`New instance of ${app.name}`} onClose={fetching ? undefined : onClose}>
      <form
        className="form"
        onSubmit={async (event) => {
          event.preventDefault()
          const { data } = await create({ input: { appId: app.id, name } })
          const made = data?.createAppInstance?.instance
          if (made) go(`/apps/${app.slug}/instances/${made.id}`)
        }}
      >
        <TextInput
          data-autofocus
          label="Instance name"
          description="People choose it when they create a key."
          autoComplete="off"
          maxLength={64}
          required
          withAsterisk={false}
          value={name}
          error={refusal?.field === 'name' && refusal.message}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        {error && refusal?.field !== 'name' && <ServerProblem title="The instance was not created" error={error} />}
        <div className="dialog-foot">
          <Button variant="default" disabled={fetching} onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={fetching} disabled={name.trim() === ''}>
            Create instance
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
