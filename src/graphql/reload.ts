import { notFound } from '../errors.ts'
import type { Context } from './context.ts'

/**
 * What the Prisma plugin reads a row again through, when two selections of it cannot be one statement: the same list asked for twice with
 * different arguments, say. Not Prisma's client but the stores, so that the actor's scope holds here as for the first read; and through the
 * loader of rows, so that a list is read again by one statement and not by one for each of its rows.
 */
export function createReload(context: Context): { $connect(): Promise<void> } {
  const delegate = (kind: () => Parameters<Context['rows']['load']>[0]) => ({
    findUniqueOrThrow: async ({ where, ...query }: { where: { id: string } }): Promise<object> => {
      const row = await context.rows.load(kind(), query, where.id)
      if (!row) throw notFound()
      return row as object
    },
  })
  const delegates = {
    app: delegate(() => 'apps'),
    appInstance: delegate(() => 'instances'),
    apiKey: delegate(() => 'keys'),
    member: delegate(() => 'members'),
    secret: delegate(() => 'secrets'),
    // Who is not shown events came to this one through `apiKeyChanged`.
    event: delegate(() => (context.scope.all ? 'events' : 'keyChanges')),
  }
  return { $connect: () => Promise.reject(new Error('rows are read through stores')), ...delegates }
}
