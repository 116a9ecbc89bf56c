import type { Scope } from '../access/scope.ts'
import type { Plaintext } from '../crypto/key-format.ts'
import { conflict } from '../errors.ts'
import { keyEvent } from '../events/model.ts'
import { newId } from '../ids.ts'
import type { Locked, Ports } from '../ports.ts'
import { placesOf } from './model.ts'

/**
 * Saves a key as a secret within the caller's change; the caller has checked the key. Throws CONFLICT on `field` when the name is taken. A
 * CONFLICT reveals secrets that the member cannot see, so conflicts are recorded and limited, before the name is looked up and under the lock,
 * so that concurrent calls count one by one.
 */
export async function storeSecret(
  ports: Pick<Ports, 'seals' | 'rateLimits' | 'refused'> & Pick<Locked, 'secrets' | 'now' | 'record' | 'write'>,
  actor: Scope,
  input: { name: string; field: string; plaintext: Plaintext; key: { id: string; name: string; instanceId: string; appId: string } },
): Promise<{ secretId: string }> {
  const { organizationId, memberId } = actor
  const { name, key } = input
  await ports.rateLimits.requireLeft('secret_name_conflicts', memberId)
  if (await ports.secrets.isTaken(organizationId, name)) {
    await ports.rateLimits.spend('secret_name_conflicts', memberId)
    ports.refused('CONFLICT', input.field, { by: actor })
    throw conflict(`${input.field}: the organization has a secret of this name already`, input.field)
  }
  const secret = { id: newId('sec'), organizationId, name, version: 1, createdById: memberId }
  const sealed = ports.seals.seal(placesOf(secret), input.plaintext.expose())
  ports.write(ports.secrets.insert({ ...secret, ...sealed, createdAt: ports.now, updatedAt: ports.now, apiKeyId: key.id }))
  ports.record({ ...keyEvent('API_KEY_SAVED_AS_SECRET', key, memberId), secretId: secret.id })
  return { secretId: secret.id }
}
