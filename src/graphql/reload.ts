import { notFound } from '../errors.ts'
import type { IdPrefix } from '../ids.ts'
import type { Context } from './context.ts'
import { nodeTypes } from './node-types.ts'

const modelOf = (typeName: string): string => `${typeName[0]?.toLowerCase()}${typeName.slice(1)}`

/**
 * What the Prisma plugin reads a row again through, when two selections of it cannot be one statement: the same list asked for twice with
 * different arguments, say. Not Prisma's client but the stores, so that the actor's scope holds here as for the first read; and through the
 * loader of rows, so that a list is read again by one statement and not by one for each of its rows.
 */
export function createReload({ rows, scope }: Context): { $connect(): Promise<void> } {
  const reader = (prefix: IdPrefix) => ({
    findUniqueOrThrow: async ({ where, ...query }: { where: { id: string } }): Promise<object> => {
      // Events that are out of scope came to this member through `apiKeyChanged`.
      const row = await rows.load(prefix === 'evt' && !scope.all ? 'keyChange' : prefix, query, where.id)
      if (!row) throw notFound()
      return row
    },
  })
  const readers = Object.fromEntries(Object.entries(nodeTypes).map(([prefix, { name }]) => [modelOf(name), reader(prefix as IdPrefix)]))
  return { $connect: () => Promise.reject(new Error('rows are read through stores')), ...readers }
}
