import { scopeOf } from '../access/scope.ts'
import { nothingChanged } from '../errors.ts'
import { type Change, type ChangeBy, type Stores, Unchanged } from '../ports.ts'
import { isTransient } from './client.ts'

/** A change that a member asks for; see `ChangeBy` in `ports.ts` for what it promises. `stores` are those outside of any transaction. */
export const createChangeBy =
  (stores: Stores, change: Change): ChangeBy =>
  async (actor, look, body) => {
    const before = await look(stores, scopeOf(actor)).catch((error: unknown) => {
      throw isTransient(error) ? nothingChanged() : error
    })
    if (before instanceof Unchanged) return before.answer
    return change(actor.organizationId, async (locked) => {
      const scope = await locked.members.scopeNow(actor)
      const seen = await look(locked, scope)
      return seen instanceof Unchanged ? seen.answer : body(locked, scope, seen)
    })
  }
