import { parseKey } from '../crypto/key-format.ts'
import type { KeyRecord } from '../keys/model.ts'
import type { Ports } from '../ports.ts'
import { decide, type RefusalCode } from './decide.ts'

/** A failed verification is a value; an exception means that the server cannot know. */
export type Outcome = { code: 'VALID'; key: KeyRecord } | { code: RefusalCode }

/** Whether the text opens the instance now. Asks the database every time, so that a committed denial holds at once. */
export async function verifyKey(
  ports: Pick<Ports, 'digests' | 'clock'> & { keys: Pick<Ports['keys'], 'record'> },
  input: { key: string; instanceId: string },
): Promise<Outcome> {
  const parsed = parseKey(input.key)
  if (!parsed) return { code: 'MALFORMED' }
  const key = await ports.keys.record(parsed.keyId)
  if (!key || !ports.digests.matches(parsed.plaintext, key.pepperId, key.digest)) return { code: 'NOT_FOUND' }
  const code = decide(key, input.instanceId, ports.clock.now())
  return code === 'VALID' ? { code, key } : { code }
}
