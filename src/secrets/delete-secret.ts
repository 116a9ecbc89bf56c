import type { Actor } from '../access/actor.ts'
import type { Scope } from '../access/scope.ts'
import { notFound } from '../errors.ts'
import type { Ports, Stores } from '../ports.ts'

/** Deletes a secret and its ciphertext. The key in it is unchanged: deleting a secret revokes nothing. */
export async function deleteSecret(ports: Pick<Ports, 'changeBy'>, actor: Actor, input: { id: string }): Promise<{ secretId: string }> {
  const look = async ({ secrets }: Stores, scope: Scope) => {
    const secret = await secrets.find({ select: { id: true, name: true } }, scope, input.id)
    if (!secret) throw notFound()
    return secret
  }
  await ports.changeBy(actor, look, async ({ secrets, record, write }, scope, secret) => {
    write(secrets.remove(secret.id))
    record({ kind: 'SECRET_DELETED', subjectName: secret.name, actorId: scope.memberId, secretId: secret.id })
  })
  return { secretId: input.id }
}
