import { keyEvent } from '../events/model.ts'
import type { Ports } from '../ports.ts'

/** Keys that one transaction moves at most, so that nobody waits long behind it. */
const batch = 500

/** Moves every key whose time has come to EXPIRED, one event each, and answers how many it moved. */
export async function expireKeys(ports: Pick<Ports, 'change' | 'keys' | 'clock'>): Promise<number> {
  let moved = 0
  for (const organizationId of await ports.keys.organizationsWithDue(ports.clock.now())) {
    for (let more = true; more; ) {
      const count = await ports.change(organizationId, async ({ keys, now, record }) => {
        // Another node's sweeper waits for the organization's lock already: it moves what is left.
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
