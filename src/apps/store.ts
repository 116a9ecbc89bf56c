import type { Scope } from '../access/scope.ts'
import type { Connection, Prisma } from '../store/client.ts'
import { maxApps } from './model.ts'

export const appStore = ({ client }: Connection) => ({
  list: <Query extends Prisma.AppDefaultArgs>(query: Query, scope: Scope) =>
    client.app.findMany({ ...query, where: { organizationId: scope.organizationId }, orderBy: [{ name: 'asc' }, { id: 'asc' }], take: maxApps }),

  find: <Query extends Prisma.AppDefaultArgs>(query: Query, scope: Scope, by: { id: string } | { slug: string }) =>
    client.app.findFirst({ ...query, where: { ...by, organizationId: scope.organizationId } }),

  /** The given apps that are in scope. */
  among: <Query extends Prisma.AppDefaultArgs>(query: Query, scope: Scope, ids: readonly string[]) =>
    client.app.findMany({ ...query, where: { organizationId: scope.organizationId, id: { in: [...ids] } } }),

  count: (scope: Scope): Promise<number> => client.app.count({ where: { organizationId: scope.organizationId } }),

  insert: (app: { id: string; organizationId: string; slug: string; name: string; createdAt: Date }) => client.app.create({ data: app, select: { id: true } }),
})

export type AppStore = ReturnType<typeof appStore>
