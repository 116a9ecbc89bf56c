import type { Actor } from '../access/actor.ts'
import { badInput, type ErrorCode, requireAcknowledged } from '../errors.ts'
import type { Ports, Propagation } from '../ports.ts'
import { revokeRefusal } from './model.ts'

export interface RevocationResult {
  id: string
  /** Null when the key is revoked. */
  errorCode: Extract<ErrorCode, 'NOT_FOUND' | 'FORBIDDEN'> | null
}

/** More keys than this one call cannot revoke. */
const maxKeys = 100

/**
 * Revokes each key that the actor may revoke, in one change, and answers once every node refuses them.
 * A key that is revoked already counts as revoked: nothing is written, and its first `revokedAt` stands.
 */
export async function revokeApiKeys(
  ports: Pick<Ports, 'change' | 'propagate'>,
  actor: Actor,
  input: { ids: readonly string[]; acknowledged: boolean },
): Promise<{ results: RevocationResult[]; propagation: Propagation }> {
  requireAcknowledged(input.acknowledged)
  if (input.ids.length < 1 || input.ids.length > maxKeys) throw badInput('ids', `must have 1 to ${maxKeys} ids`)
  const results = await ports.change(actor.organizationId, async ({ members, keys, now, record }) => {
    const scope = await members.scopeNow(actor)
    const facts = await keys.facts(scope, input.ids)
    const visible = new Map(facts.map((key) => [key.id, key]))
    const revocable = [...visible.values()].filter((key) => revokeRefusal(scope, key.instanceRole, key) === null)
    if (revocable.length > 0) {
      const ids = revocable.map((key) => key.id)
      await keys.revoke(ids, now, scope.memberId)
    }
    for (const { id, name, instanceId, appId } of revocable) {
      record({ kind: 'API_KEY_REVOKED', subjectName: name, actorId: scope.memberId, apiKeyId: id, instanceId, appId })
    }
    return input.ids.map((id): RevocationResult => {
      const key = visible.get(id)
      if (!key) return { id, errorCode: 'NOT_FOUND' }
      const refusal = revokeRefusal(scope, key.instanceRole, key)
      return { id, errorCode: refusal === null || refusal === 'ALREADY_REVOKED' ? null : 'FORBIDDEN' }
    })
  })
  return { results, propagation: await ports.propagate() }
}
