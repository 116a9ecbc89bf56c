import { notFound } from '../errors.ts'
import type { Context } from './context.ts'

type Find = (query: object, id: string) => Promise<object | null>

/**
 * What the Prisma plugin reads a row again through, when two selections of it cannot be one statement: the same list asked for twice with
 * different arguments, say. Not Prisma's client but the stores, so that the actor's scope holds here as for the first read.
 */
export function createReload({ ports, scope }: Context): { $connect(): Promise<void> } {
  const delegate = (find: Find) => ({
    findUniqueOrThrow: async ({ where, ...query }: { where: { id: string } }): Promise<object> => {
      const row = await find(query, where.id)
      if (!row) throw notFound()
      return row
    },
  })
  const delegates = {
    app: delegate((query, id) => ports.apps.find(query, scope, { id })),
    appInstance: delegate((query, id) => ports.instances.find(query, scope, id)),
    apiKey: delegate((query, id) => ports.keys.find(query, scope, id)),
    member: delegate((query, id) => ports.members.find(query, scope, id)),
    secret: delegate((query, id) => ports.secrets.find(query, scope, id)),
    // Who is not shown events came to this one through `apiKeyChanged`.
    event: delegate((query, id) => (scope.all ? ports.events.find(query, scope, id) : ports.events.findKeyChange(query, scope, id))),
  }
  return { $connect: () => Promise.reject(new Error('rows are read through stores')), ...delegates }
}
