import { scopeOf } from '../access/scope.ts'
import { AuraError, nothingChanged } from '../errors.ts'
import { type Change, type ChangeBy, type Locked, type Stores, Unchanged } from '../ports.ts'
import { isTransient } from '../store/failures.ts'

/** A change by a member; see `ChangeBy` in `ports.ts` for its guarantees. `stores` are outside any transaction. */
export const createChangeBy =
  (stores: Stores, change: Change): ChangeBy =>
  async (actor, look, body) => {
    const lookUnlocked = async () => {
      const found = await look(stores, scopeOf(actor)).catch((error: unknown) => {
        if (error instanceof AuraError) return error
        throw error
      })
      // An actor whose result is decided here can have been removed since authentication: then this throws.
      if (found instanceof AuraError || found instanceof Unchanged) await stores.members.scopeNow(actor)
      if (found instanceof AuraError) throw found
      return found
    }
    const found = await lookUnlocked().catch((error: unknown) => {
      throw isTransient(error) ? nothingChanged() : error
    })
    if (found instanceof Unchanged) return found.answer
    const isAhead = true
    const underLock = async (locked: Locked) => {
      // Both are sent at once: what was looked at stands if the member still has the role that they were authenticated with.
      const presumed = scopeOf(actor)
      const reading = locked.members.scopeNow(actor)
      const looking = look(locked, presumed)
      looking.catch(() => undefined)
      const scope = await reading
      const seen = await (scope.role === presumed.role ? looking : look(locked, scope))
      return seen instanceof Unchanged ? seen.answer : body(locked, scope, seen)
    }
    return change(actor.organizationId, underLock, isAhead)
  }
