import { AuraError, conflict, nothingChanged, unavailable } from '../errors.ts'
import { denialKinds, type NewEvent } from '../events/model.ts'
import type { Change, Clock, Hub } from '../ports.ts'
import type { Database, Sql } from '../store/client.ts'
import { isTransient, isUniqueViolation, RolledBack } from '../store/failures.ts'
import { lockOrganization, setLocally } from '../store/organization-lock.ts'
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
  return async (organization, body, isAhead = false) => {
    const work = currentWork()
    const founded = typeof organization === 'string' ? null : organization
    const organizationId = typeof organization === 'string' ? organization : organization.id
    let committing = false
    let denies = false
    const transaction = () => {
      work?.begin()
      return transact(
        async (inside) => {
          const stores = createStores(inside)
          if (founded) {
            await setLocally(inside, statementMs())
            await stores.organizations.insert(founded).catch((error: unknown) => {
              throw isUniqueViolation(error) ? conflict(`slug: the organization ${founded.slug} exists already`, 'slug') : error
            })
          }
          let lockedAt: Date | undefined
          // Alone and first: later statements read only after the lock is held.
          const locking = lockOrganization(inside, organizationId, statementMs()).then((isThere) => {
            if (!isThere) throw new Error('the organization of a change does not exist')
            lockedAt = clock.now()
            return lockedAt
          })
          const events: NewEvent[] = []
          const writes: Sql[] = []
          const inLock = () =>
            body({
              ...stores,
              get now() {
                if (!lockedAt) throw new Error('the time of a change is not known before its lock is held')
                return lockedAt
              },
              record: (event) => void events.push(event),
              write: (...statements) => void writes.push(...statements),
            })
          const answering = isAhead ? inLock() : locking.then(inLock)
          answering.catch(() => undefined)
          const now = await locking
          const answer = await answering
          if (writes.length > 0 && events.length === 0) throw new Error('a change writes without an event')
          const last = events.length > 0 ? stores.events.append(organizationId, now, events, writes) : null
          // Before the last statement is sent, since COMMIT follows it at once.
          work?.commit()
          denies = events.some(({ kind }) => denialKinds.includes(kind))
          const moved = last === null ? null : inside.run<{ version: bigint }>(last)
          moved?.catch(() => undefined)
          return { answer, moved }
        },
        () => {
          committing = true
        },
      )
    }
    const { answer, moved } = await inOrder(organizationId, transaction)
      .catch((thrown: unknown) => {
        const isUndone = !committing || thrown instanceof RolledBack
        const error = thrown instanceof RolledBack ? thrown.cause : thrown
        if (error instanceof AuraError || !isTransient(error)) throw error
        throw isUndone ? nothingChanged() : unavailable()
      })
      // Even after an error: the commit can still be in force.
      .finally(() => denies && denied())
    const [row] = (await moved) ?? []
    if (row) changed(organizationId, row.version)
    return answer
  }
}
