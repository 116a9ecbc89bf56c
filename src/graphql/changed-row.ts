import type { IdPrefix } from '../ids.ts'
import type { Context } from './context.ts'
import type { NodeRow } from './node-types.ts'

const isIdAlone = (query: object): boolean => {
  const { select = {} } = query as { select?: object }
  return Object.keys(query).length === 1 && Object.keys(select).join() === 'id'
}

/** Returns the row of a payload, with the client's selection. The row is in scope, because the operation has just changed it. */
export async function changedRow<Prefix extends IdPrefix>({ rows }: Context, prefix: Prefix, query: object, id: string): Promise<NodeRow<Prefix>> {
  // Scripts ask for no more, and it is known.
  if (isIdAlone(query)) return { id } as NodeRow<Prefix>
  const find = () => rows.load(prefix, query, id)
  // One retry: the change is committed, and a field that fails nulls its whole payload, such as the plaintext of a key.
  const row = await find().catch(find)
  if (!row) throw new Error(`a changed row is not in the scope of its payload: ${id}`)
  return row
}
