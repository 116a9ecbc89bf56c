import { NativeSelect } from '@mantine/core'
import { useEffect } from 'react'
import { PortalInstancesDocument } from '../generated/operations.ts'
import { usePages } from '../graphql/use-pages.ts'

interface Instance {
  readonly id: string
  readonly name: string
}

interface Props {
  readonly slug: string
  readonly value: Instance | undefined
  readonly error: string | false
  readonly onChange: (instance: Instance | undefined) => void
}

/** Which instance of the app the key opens. */
export function InstanceChoice({ slug, value, error, onChange }: Props) {
  const { rows, hasMore, busy, more } = usePages(PortalInstancesDocument, { slug, first: 100 }, (data) => data.app?.instances)
  // All of them: a list that ends at a hundred would hide the others from whoever needs one.
  useEffect(() => {
    if (hasMore && !busy) more()
  }, [hasMore, busy, more])
  return (
    <NativeSelect
      label="Instance"
      description="The key opens this one only."
      value={value?.id ?? ''}
      error={error || (rows?.length === 0 && 'You have a role on no instance of this app.')}
      onChange={(event) => onChange(rows?.find(({ id }) => id === event.currentTarget.value))}
    >
      <option value="">{rows ? 'Choose an instance' : 'Loading …'}</option>
      {rows?.map(({ id, name }) => (
        <option key={id} value={id}>
          {name}
        </option>
      ))}
    </NativeSelect>
  )
}
