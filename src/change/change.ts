import { AuraError, conflict, nothingChanged, unavailable } from '../errors.ts'
import { denialKinds, type NewEvent } from '../events/model.ts'
import type { Change, Clock, Hub } from '../ports.ts'
import { type Database, lockOrganization, type Sql, setLocally } from '../store/client.ts'
import { isTransient, isUniqueViolation } from '../store/failures.ts'
import { currentWork } from '../store/work.ts'
import { createStores } from './stores.ts'

/** Runs the changes of one organization one at a time, so that only one connection of this node waits for the organization's lock. */
function createSequences(): <Answer>(organizationId: string, run: () => Promise<Answer>) => Promise<Answer> {
  const last = new Map<string, Promise<void>>()
  return (organizationId, run) => {
    const running = (last.get(organizationId) ?? Promise.resolve()).then(run)
    const ended = running
      .then(
        () => undefined,
        () => undefined,
      )
      .then(() => {
        if (last.get(organizationId) === ended) last.delete(organizationId)
      })
    last.set(organizationId, ended)
    return running
  }
}

/** The only way to change anything; see `Change` in `ports.ts` for its guarantees. Calls `denied` once it sent a COMMIT that can take access from keys. */
export function createChange(
  { transact, statementMs }: Pick<Database, 'transact' | 'statementMs'>,
  clock: Clock,
  { changed, denied }: Pick<Hub, 'changed'> & { denied: () => void },
): Change {
  const inOrder = createSequences()
  return async (organization, body) => {
    const work = currentWork()
    const founded = typeof organization === 'string' ? null : organization
    const organizationId = typeof organization === 'string' ? organization : organization.id
    let committing = false
    let denies = false
    const transaction = () => {
      work?.begin()
      return transact(async (inside) => {
        const stores = createStores(inside)
        if (founded) {
          await setLocally(inside, statementMs())
          await stores.organizations.insert(founded).catch((error: unknown) => {
            throw isUniqueViolation(error) ? conflict(`slug: the organization ${founded.slug} exists already`, 'slug') : error
          })
        }
        // Alone and first: later statements read only after the lock is held.
        if (!(await lockOrganization(inside, organizationId, statementMs()))) throw new Error('the organization of a change does not exist')
        const now = clock.now()
        const events: NewEvent[] = []
        const writes: Sql[] = []
        let writesRows = false
        const answer = await body({
          ...stores,
          now,
          record: (event) => void events.push(event),
          write: (...statements) => {
            writesRows = true
            writes.push(...statements)
          },
          written: () => stores.events.writeFirst(writes.splice(0)),
        })
        if (writesRows && events.length === 0) throw new Error('a change writes without an event')
        const version = events.length > 0 ? await stores.events.append(organizationId, now, events, writes) : null
        work?.commit()
        committing = true
        denies = events.some(({ kind }) => denialKinds.includes(kind))
        return { answer, version }
      })
    }
    const { answer, version } = await inOrder(organizationId, transaction)
      .catch((error: unknown) => {
        if (error instanceof AuraError || !isTransient(error)) throw error
        throw committing ? unavailable() : nothingChanged()
      })
      // Even after an error: the commit can still be in force.
      .finally(() => denies && denied())
    if (version !== null) changed(organizationId, version)
    return answer
  }
}
