import type { Actor } from '../access/actor.ts'
import type { Scope } from '../access/scope.ts'
import { Plaintext } from '../crypto/key-format.ts'
import { notFound } from '../errors.ts'
import type { Ports, Stores } from '../ports.ts'
import { placesOf } from './model.ts'

/** Returns the value of a secret, after an event that records the call is committed. */
export async function revealSecret(
  ports: Pick<Ports, 'changeBy' | 'seals' | 'rateLimits'>,
  actor: Actor,
  input: { id: string },
): Promise<{ secretId: string; value: Plaintext }> {
  await ports.rateLimits.spend('secret_reveals', actor.memberId)
  const look = async ({ secrets }: Stores, scope: Scope) => {
    const secret = await secrets.sealed(scope, input.id)
    if (!secret) throw notFound()
    return secret
  }
  const value = await ports.changeBy(actor, look, async ({ record }, scope, secret) => {
    const opened = ports.seals.open(placesOf(secret), secret.sealed)
    if (opened === null) throw new Error('a sealed secret does not open: its row was altered, or its key is not configured')
    record({ kind: 'SECRET_REVEALED', subjectName: secret.name, actorId: scope.memberId, secretId: secret.id })
    return new Plaintext(opened)
  })
  return { secretId: input.id, value }
}
