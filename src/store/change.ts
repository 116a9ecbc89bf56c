import { AuraError, conflict, nothingChanged, unavailable } from '../errors.ts'
import type { NewEvent } from '../events/store.ts'
import type { Change, Clock, Hub } from '../ports.ts'
import { type Database, isTransient, isUniqueViolation, setLocally } from './client.ts'
import { createStores } from './stores.ts'

/** The one way to change anything; see `Change` in `ports.ts` for what it promises. */
export function createChange({ client, pooled }: Pick<Database, 'client' | 'pooled'>, clock: Clock, hub: Pick<Hub, 'changed'>): Change {
  return async (organization, body) => {
    const founded = typeof organization === 'string' ? null : organization
    const organizationId = typeof organization === 'string' ? organization : organization.id
    let committing = false
    const { answer, version } = await client
      .$transaction(async (statements) => {
        if (pooled) await setLocally(statements)
        const stores = createStores(statements)
        if (founded) {
          await stores.organizations.insert(founded).catch((error: unknown) => {
            throw isUniqueViolation(error) ? conflict(`slug: the organization ${founded.slug} exists already`, 'slug') : error
          })
        }
        // Alone and first: what a later statement reads, it reads after the lock was had.
        const locked = await statements.$queryRaw<object[]>`SELECT 1 FROM organization WHERE id = ${organizationId} FOR NO KEY UPDATE`
        if (locked.length === 0) throw new Error('the organization of a change does not exist')
        const now = clock.now()
        const events: NewEvent[] = []
        const answer = await body({ ...stores, now, record: (event) => void events.push(event) })
        const version = events.length > 0 ? await stores.events.append(organizationId, now, events) : null
        committing = true
        return { answer, version }
      })
      .catch((error: unknown) => {
        if (error instanceof AuraError || !isTransient(error)) throw error
        throw committing ? unavailable() : nothingChanged()
      })
    if (version !== null) hub.changed(organizationId, version)
    return answer
  }
}
