import type { Actor } from '../access/actor.ts'
import type { Scope } from '../access/scope.ts'
import { parseKey } from '../crypto/key-format.ts'
import { badInput, conflict, notFound } from '../errors.ts'
import type { Ports, Stores } from '../ports.ts'
import { parseSecretName, tokenPlace } from './model.ts'
import { storeSecret } from './store-secret.ts'

const tokenPattern = /^(key_[0-9a-hjkmnp-tv-z]{26})\.([0-9a-z]{8,9})\.([\w-]{40,300})$/

/**
 * Saves the key of a save token, while the key is ACTIVE and the member may see it. The same token and name again return the same
 * secret; another name after that is a CONFLICT; a failed save leaves the token usable.
 */
export async function saveApiKeyAsSecret(
  ports: Pick<Ports, 'changeBy' | 'seals' | 'digests' | 'clock' | 'rateLimits' | 'refused'>,
  actor: Actor,
  input: { saveToken: string; name: string },
): Promise<{ secretId: string; keyId: string }> {
  const name = parseSecretName('name', input.name)
  const [, keyId = '', end = '', sealed = ''] = tokenPattern.exec(input.saveToken) ?? []
  const text = ports.seals.openToken(tokenPlace(actor, keyId, Number.parseInt(end, 36)), sealed)
  const plaintext = text === null ? null : (parseKey(text)?.plaintext ?? null)
  if (!plaintext) throw badInput('saveToken', 'is not a token that createApiKey gave to this member')
  if (ports.clock.now().getTime() >= Number.parseInt(end, 36)) throw badInput('saveToken', 'has expired: it is good for 15 minutes')
  await ports.rateLimits.requireLeft('secret_name_conflicts', actor.memberId)
  const look = async ({ keys }: Stores, scope: Scope) => {
    const [key] = await keys.facts(scope, [keyId])
    if (!key) throw notFound()
    return key
  }
  const secretId = await ports.changeBy(actor, look, async ({ keys, secrets, now, record, write }, scope, key) => {
    const [saved, stored] = await Promise.all([secrets.ofKey(keyId), keys.digestOf(keyId)])
    if (saved && saved.name === name) return saved.id
    if (saved) throw conflict('saveToken: the key is saved already, under another name', 'saveToken')
    if (key.status !== 'ACTIVE' || !stored || stored.expiresAt <= now) throw conflict('saveToken: the key is no longer active', 'saveToken')
    if (!ports.digests.matches(plaintext, stored.pepperId, stored.digest)) throw badInput('saveToken', 'does not hold the plaintext of the key')
    return (await storeSecret({ ...ports, secrets, now, record, write }, scope, { name, field: 'name', plaintext, key })).secretId
  })
  return { secretId, keyId }
}
