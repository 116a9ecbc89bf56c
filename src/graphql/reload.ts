import { notFound } from '../errors.ts'
import type { IdPrefix } from '../ids.ts'
import type { Context } from './context.ts'
import { nodeTypes } from './node-types.ts'

const modelOf = (typeName: string): string => `${typeName[0]?.toLowerCase()}${typeName.slice(1)}`

/**
 * How the Prisma plugin reads a row again, when two selections of it cannot be one statement, for example the same list with different
 * arguments. It uses the stores and not Prisma's client, so that the actor's scope applies as for the first read; and the row loader, so that
 * a list is read again by one statement and not by one per row.
 */
export function createReload({ rows, scope }: Context): { $connect(): Promise<void> } {
  const reader = (prefix: IdPrefix) => ({
    findUniqueOrThrow: async ({ where, ...query }: { where: { id: string } }): Promise<object> => {
      // An event out of scope reached this member through `apiKeyChanged`.
      const row = await rows.load(prefix === 'evt' && !scope.all ? 'keyChange' : prefix, query, where.id)
      if (!row) throw notFound()
      return row
    },
  })
  const readers = Object.fromEntries(Object.entries(nodeTypes).map(([prefix, { name }]) => [modelOf(name), reader(prefix as IdPrefix)]))
  return { $connect: () => Promise.reject(new Error('rows are read through stores')), ...readers }
}
