import type { Actor } from '../access/actor.ts'
import { forbidden, notFound } from '../errors.ts'
import type { Ports, Propagation } from '../ports.ts'
import { revokeApiKeys } from './revoke-api-keys.ts'

/** Revokes one key; a repetition returns the same. Throws NOT_FOUND out of scope, FORBIDDEN when the actor may not revoke it. */
export async function revokeApiKey(
  ports: Pick<Ports, 'changeBy' | 'propagate'>,
  actor: Actor,
  input: { id: string; acknowledged: boolean },
): Promise<{ instanceId: string; propagation: Propagation }> {
  const { results, propagation } = await revokeApiKeys(ports, actor, { ids: [input.id], acknowledged: input.acknowledged })
  const [{ errorCode = null, instanceId = null } = {}] = results
  if (instanceId === null) throw notFound()
  if (errorCode === 'FORBIDDEN') {
    throw forbidden('You may not revoke this key: instance users revoke only their own, and orphaned keys are for organization owners.')
  }
  return { instanceId, propagation }
}
