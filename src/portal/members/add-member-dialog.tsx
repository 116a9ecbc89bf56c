import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useMutation } from 'urql'
import { Dialog } from '../elements/dialog.tsx'
import { ServerProblem } from '../elements/problem.tsx'
import { type OrganizationRole, PortalAddMemberDocument } from '../generated/operations.ts'
import { refusalOf } from '../graphql/refusal.ts'
import { roleNames } from '../shell/viewer.ts'

export function AddMemberDialog({ onAdded, onClose }: { onAdded: () => void; onClose: () => void }) {
  const [values, setValues] = useState({ name: '', subject: '', email: '' })
  const [role, setRole] = useState<OrganizationRole>('MEMBER')
  const [{ fetching, error }, add] = useMutation(PortalAddMemberDocument)
  const refusal = error && refusalOf(error)
  const field = (name: keyof typeof values) => ({
    value: values[name],
    error: refusal?.field === name && refusal.message,
    autoComplete: 'off',
    onChange: (event: { currentTarget: HTMLInputElement }) => setValues({ ...values, [name]: event.currentTarget.value }),
  })
  return (
    <Dialog title="Add member" onClose={fetching ? undefined : onClose}>
      <form
        className="form"
        onSubmit={async (event) => {
          event.preventDefault()
          const { data } = await add({ input: { name: values.name, subject: values.subject, email: values.email || undefined, role } })
          if (!data?.addMember) return
          onAdded()
          onClose()
        }}
      >
        <TextInput data-autofocus label="Name" maxLength={64} {...field('name')} />
        <TextInput
          label="Subject"
          description={
            <>
              The <code>sub</code> of their tokens: often their address, for a program its client id.
            </>
          }
          maxLength={255}
          {...field('subject')}
        />
        <TextInput label="Address (optional)" type="email" {...field('email')} />
        <NativeSelect
          label="Role"
          value={role}
          data={Object.entries(roleNames).map(([value, label]) => ({ value, label }))}
          onChange={(event) => setRole(event.currentTarget.value as OrganizationRole)}
        />
        {error && !['name', 'subject', 'email'].includes(refusal?.field ?? '') && <ServerProblem title="The member was not added" error={error} />}
        <div className="dialog-foot">
          <Button variant="default" disabled={fetching} onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={fetching} disabled={values.name.trim() === '' || values.subject === ''}>
            Add member
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
