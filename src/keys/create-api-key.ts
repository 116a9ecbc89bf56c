import type { Actor } from '../access/actor.ts'
import type { Scope } from '../access/scope.ts'
import { formatKey, keyHint, type Plaintext } from '../crypto/key-format.ts'
import { conflict, notFound } from '../errors.ts'
import { keyEvent } from '../events/model.ts'
import { newId } from '../ids.ts'
import { parseName } from '../names.ts'
import type { Ports, Stores } from '../ports.ts'
import { parseSecretName, saveTokenMs, tokenPlace } from '../secrets/model.ts'
import { storeSecret } from '../secrets/store-secret.ts'
import { expiration, inputHash, parseIdempotencyKey } from './model.ts'

export interface CreateApiKeyInput {
  instanceId: string
  name: string
  expiresAt?: Date | null | undefined
  expiresInDays?: number | null | undefined
  saveAsSecret?: { name: string } | null | undefined
  idempotencyKey?: string | null | undefined
}

export interface CreatedKey {
  keyId: string
  /** Null when the key was saved as a secret, and when the call was a repetition. */
  plaintext: Plaintext | null
  saveToken: string | null
  secretId: string | null
}

/**
 * Creates a key that opens one instance. The plaintext exists only in the response: the database stores its digest, and with `saveAsSecret`
 * the sealed value, in the same change. A repeated idempotency key returns its earlier key and creates nothing.
 */
export async function createApiKey(
  ports: Pick<Ports, 'changeBy' | 'digests' | 'randomBytes' | 'maxKeyLifetimeDays' | 'seals' | 'rateLimits' | 'refused'>,
  actor: Actor,
  input: CreateApiKeyInput,
): Promise<CreatedKey> {
  const name = parseName('name', input.name)
  const secretName = input.saveAsSecret ? parseSecretName('saveAsSecret.name', input.saveAsSecret.name) : null
  const idempotencyKey = parseIdempotencyKey(input.idempotencyKey)
  await ports.rateLimits.spend('key_creations', actor.memberId)
  if (secretName !== null) await ports.rateLimits.requireLeft('secret_name_conflicts', actor.memberId)
  const keyId = newId('key')
  const plaintext = formatKey(keyId, ports.randomBytes(32))
  const look = async ({ instances }: Stores, scope: Scope) => {
    const instance = await instances.facts(scope, input.instanceId)
    if (!instance) throw notFound()
    return instance
  }
  return ports.changeBy(actor, look, async ({ keys, secrets, now, record, write }, scope, instance) => {
    const { organizationId, memberId: createdById } = scope
    if (idempotencyKey !== null) {
      const made = await keys.madeBefore(createdById, idempotencyKey, now)
      if (made && !inputHash(input).equals(made.inputHash)) throw conflict('idempotencyKey: was used with another input', 'idempotencyKey')
      if (made) return { keyId: made.apiKeyId, plaintext: null, saveToken: null, secretId: (await secrets.ofKey(made.apiKeyId))?.id ?? null }
    }
    if (instance.deletedAt) throw conflict('This instance was deleted: it cannot have new keys.', 'instanceId')
    const expiresAt = expiration(input, now, ports.maxKeyLifetimeDays)
    const { appId } = instance
    const key = { id: keyId, organizationId, appId, instanceId: instance.id, createdById, name, hint: keyHint(plaintext), createdAt: now, expiresAt }
    write(...keys.insert(key, ports.digests.digest(plaintext)))
    record(keyEvent('API_KEY_CREATED', key, createdById))
    if (idempotencyKey !== null) write(keys.remember(createdById, idempotencyKey, { inputHash: inputHash(input), apiKeyId: keyId, createdAt: now }))
    if (secretName !== null) {
      const locked = { ...ports, secrets, now, record, write }
      const { secretId } = await storeSecret(locked, scope, { name: secretName, field: 'saveAsSecret.name', plaintext, key })
      return { keyId, plaintext: null, saveToken: null, secretId }
    }
    const end = now.getTime() + saveTokenMs
    const saveToken = `${keyId}.${end.toString(36)}.${ports.seals.sealToken(tokenPlace(scope, keyId, end), plaintext.expose())}`
    return { keyId, plaintext, saveToken, secretId: null }
  })
}
