import type { IdPrefix } from '../ids.ts'
import type { Context } from './context.ts'
import type { NodeRow } from './node-types.ts'

/** The row that a payload is about, with the client's selection. It is in the scope of the answer, since the operation has just changed it. */
export async function changedRow<Prefix extends IdPrefix>({ rows }: Context, prefix: Prefix, query: object, id: string): Promise<NodeRow<Prefix>> {
  const find = () => rows.load(prefix, query, id)
  // Once more: the change is made, and a field that cannot be answered erases what stands beside it, such as the plaintext of a key.
  const row = await find().catch(find)
  if (!row) throw new Error(`a changed row is not in the scope of its payload: ${id}`)
  return row
}
