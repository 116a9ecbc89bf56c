import { useState } from 'react'
import { CreateKeyDialog } from './create-key-dialog.tsx'
import type { KeyPlace } from './key-view.ts'
import { ShownOnce } from './shown-once.tsx'
import type { CreatedKey } from './use-create-key.ts'

/** From the name of a new key to its text, shown once. The text lives in this component's state, and ends with it. */
export function CreateKey({ place, onClose }: { place: KeyPlace; onClose: () => void }) {
  const [created, setCreated] = useState<CreatedKey>()
  return created ? <ShownOnce created={created} onClose={onClose} /> : <CreateKeyDialog place={place} onClose={onClose} onCreated={setCreated} />
}
