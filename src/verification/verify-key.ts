import { parseKey } from '../crypto/key-format.ts'
import type { KeyRecord } from '../keys/model.ts'
import type { Ports } from '../ports.ts'
import { decide, type RefusalCode } from './decide.ts'

/** A failed verification is a value; an exception means that the server cannot know. */
export type Outcome = { code: 'VALID'; key: KeyRecord } | { code: RefusalCode }

/** Stands in for the digest of an unknown key, so that it takes as long to refuse as a known one. */
const noDigest = new Uint8Array(32)

/** Whether the text opens the instance now. Asks the database every time, so that a committed denial holds at once. */
export async function verifyKey(
  ports: Pick<Ports, 'digests' | 'clock'> & { keys: Pick<Ports['keys'], 'record'> },
  input: { key: string; instanceId: string },
): Promise<Outcome> {
  const parsed = parseKey(input.key)
  if (!parsed) return { code: 'MALFORMED' }
  const key = await ports.keys.record(parsed.keyId)
  const matches = ports.digests.matches(parsed.plaintext, key?.pepperId ?? ports.digests.currentId, key?.digest ?? noDigest)
  if (!key || !matches) return { code: 'NOT_FOUND' }
  const code = decide(key, input.instanceId, ports.clock.now())
  return code === 'VALID' ? { code, key } : { code }
}
