import type { Actor } from '../access/actor.ts'
import type { Scope } from '../access/scope.ts'
import { badInput, type ErrorCode, requireAcknowledged } from '../errors.ts'
import { keyEvent } from '../events/model.ts'
import { type Ports, type Propagation, type Stores, Unchanged } from '../ports.ts'
import { revokeRefusal } from './model.ts'

export interface RevocationResult {
  id: string
  /** Null when the key is revoked. */
  errorCode: Extract<ErrorCode, 'NOT_FOUND' | 'FORBIDDEN'> | null
  /** What it opens; null where none is found. */
  instanceId: string | null
}

/** The most keys that one call can revoke. */
const maxKeys = 100

/**
 * Revokes each key that the actor may revoke, in one change, and returns once every node refuses them.
 * A key that is already revoked counts as revoked: nothing is written, and its first `revokedAt` stays.
 */
export async function revokeApiKeys(
  ports: Pick<Ports, 'changeBy' | 'propagate'>,
  actor: Actor,
  input: { ids: readonly string[]; acknowledged: boolean },
): Promise<{ results: RevocationResult[]; propagation: Propagation }> {
  requireAcknowledged(input.acknowledged)
  if (input.ids.length < 1 || input.ids.length > maxKeys) throw badInput('ids', `must have 1 to ${maxKeys} ids`)
  if (new Set(input.ids).size < input.ids.length) throw badInput('ids', 'must name each key once: leave out the repetitions')
  const look = async ({ keys }: Stores, scope: Scope) => {
    const facts = await keys.facts(scope, input.ids)
    const found = new Map(facts.map((key) => [key.id, { refusal: revokeRefusal(scope, key.instanceRole, key), instanceId: key.instanceId }]))
    const revocable = facts.filter(({ id }) => found.get(id)?.refusal === null)
    const outcomes = input.ids.map((id): RevocationResult => {
      const key = found.get(id)
      if (!key) return { id, errorCode: 'NOT_FOUND', instanceId: null }
      return { id, errorCode: key.refusal === null || key.refusal === 'ALREADY_REVOKED' ? null : 'FORBIDDEN', instanceId: key.instanceId }
    })
    return revocable.length > 0 ? { revocable, outcomes } : new Unchanged(outcomes)
  }
  const results = await ports.changeBy(actor, look, async ({ keys, now, record, write }, { memberId: actorId }, { revocable, outcomes }) => {
    const ids = revocable.map(({ id }) => id)
    write(keys.revoke(ids, now, actorId))
    for (const key of revocable) record(keyEvent('API_KEY_REVOKED', key, actorId))
    return outcomes
  })
  return { results, propagation: await ports.propagate() }
}
