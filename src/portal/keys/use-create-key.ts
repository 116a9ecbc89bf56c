import { useState } from 'react'
import type { CombinedError } from 'urql'
import { type CreateApiKeyInput, type KeyRowFragment, PortalCreateApiKeyDocument } from '../generated/operations.ts'
import { refusalOf } from '../graphql/refusal.ts'
import { sendOnce } from '../graphql/send-once.ts'

export interface CreatedKey {
  readonly plaintext: string
  readonly saveToken: string
  readonly key: KeyRowFragment
}

// Not randomUUID, which pages on plain http do not have.
const random = (): string => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')

/** Creates one key, however often it is tried: the server remembers the first that arrived. */
export function useCreateKey(onCreated: (created: CreatedKey) => void) {
  const [idempotencyKey, setIdempotencyKey] = useState(random)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<CombinedError>()
  /** The answer was lost. Another try must send the same, or it would create a second key. */
  const [unknown, setUnknown] = useState(false)
  /** It was created, and its text is lost with the first answer. */
  const [lost, setLost] = useState(false)

  const create = async (input: Omit<CreateApiKeyInput, 'idempotencyKey'>) => {
    setBusy(true)
    setError(undefined)
    try {
      const { createApiKey: made } = await sendOnce(PortalCreateApiKeyDocument, { input: { ...input, idempotencyKey } })
      if (made?.plaintext && made.saveToken) return onCreated({ plaintext: made.plaintext, saveToken: made.saveToken, key: made.apiKey })
      setLost(true)
    } catch (failure) {
      setError(failure as CombinedError)
      const refused = refusalOf(failure as CombinedError).code !== undefined && refusalOf(failure as CombinedError).code !== 'INTERNAL'
      setUnknown(!refused)
      // What was refused is remembered nowhere, and another input needs another key.
      if (refused) setIdempotencyKey(random())
    }
    setBusy(false)
  }
  return { create, busy, error, unknown, lost }
}
