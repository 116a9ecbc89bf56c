import type { Actor } from '../access/actor.ts'
import { notFound } from '../errors.ts'
import type { Ports } from '../ports.ts'

/** Deletes a secret and its ciphertext. The key that it held goes on: deleting a secret revokes nothing. */
export async function deleteSecret(ports: Pick<Ports, 'change'>, actor: Actor, input: { id: string }): Promise<{ secretId: string }> {
  await ports.change(actor.organizationId, async ({ members, secrets, record }) => {
    const scope = await members.scopeNow(actor)
    const secret = await secrets.find({ select: { id: true, name: true } }, scope, input.id)
    if (!secret) throw notFound()
    await secrets.remove(secret.id)
    record({ kind: 'SECRET_DELETED', subjectName: secret.name, actorId: scope.memberId, secretId: secret.id })
  })
  return { secretId: input.id }
}
