import { keyEvent } from '../events/model.ts'
import type { Ports } from '../ports.ts'

/** The most keys per transaction, so that no other change waits long for it. */
const batch = 500

/** Sets every key past its expiry to EXPIRED, with one event each, and returns how many. */
export async function expireKeys(ports: Pick<Ports, 'change' | 'keys' | 'clock'>): Promise<number> {
  let moved = 0
  for (const organizationId of await ports.keys.organizationsWithDue(ports.clock.now())) {
    for (let more = true; more; ) {
      const count = await ports.change(organizationId, async ({ keys, now, record }) => {
        // Another node's sweeper expires the keys of this organization: it moves what is left.
        if (!(await keys.tryExpireAlone(organizationId))) return 0
        const expired = await keys.expire(organizationId, now, batch)
        for (const key of expired) record(keyEvent('API_KEY_EXPIRED', key, null))
        return expired.length
      })
      moved += count
      more = count === batch
    }
  }
  return moved
}
