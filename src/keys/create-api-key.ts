import type { Actor } from '../access/actor.ts'
import { formatKey, keyHint, type Plaintext } from '../crypto/key-format.ts'
import { conflict, notFound } from '../errors.ts'
import { newId } from '../ids.ts'
import { parseName } from '../names.ts'
import type { Ports } from '../ports.ts'
import { expiration } from './model.ts'

export interface CreateApiKeyInput {
  instanceId: string
  name: string
  expiresAt?: Date | null | undefined
  expiresInDays?: number | null | undefined
}

/** Makes a key that opens one instance. The plaintext exists only in the answer: what is stored is its digest. */
export async function createApiKey(
  ports: Pick<Ports, 'change' | 'digests' | 'randomBytes' | 'maxKeyLifetimeDays'>,
  actor: Actor,
  input: CreateApiKeyInput,
): Promise<{ keyId: string; plaintext: Plaintext }> {
  const name = parseName('name', input.name)
  const keyId = newId('key')
  const plaintext = formatKey(keyId, ports.randomBytes(32))
  await ports.change(actor.organizationId, async ({ members, instances, keys, now, record }) => {
    const scope = await members.scopeNow(actor)
    const instance = await instances.facts(scope, input.instanceId)
    if (!instance) throw notFound()
    if (instance.deletedAt) throw conflict('This instance was deleted: it cannot have new keys.', 'instanceId')
    const expiresAt = expiration(input, now, ports.maxKeyLifetimeDays)
    const { organizationId, memberId: createdById } = scope
    const { appId } = instance
    const key = { id: keyId, organizationId, appId, instanceId: instance.id, createdById, name, hint: keyHint(plaintext), createdAt: now, expiresAt }
    await keys.insert(key, ports.digests.digest(plaintext))
    record({ kind: 'API_KEY_CREATED', subjectName: name, actorId: createdById, apiKeyId: keyId, instanceId: instance.id, appId })
  })
  return { keyId, plaintext }
}
