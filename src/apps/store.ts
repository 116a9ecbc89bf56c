import type { Scope } from '../access/scope.ts'
import { type Connection, Prisma } from '../store/client.ts'
import { insertion } from '../store/insertion.ts'
import { selected } from '../store/selected.ts'
import { maxApps } from './model.ts'

export const appStore = ({ run }: Connection) => ({
  list: <Query extends Prisma.AppDefaultArgs>(query: Query, scope: Scope) =>
    selected<Prisma.AppGetPayload<Query>>({ run }, 'App', {
      ...query,
      where: { organizationId: scope.organizationId },
      orderBy: [{ name: 'asc' }, { id: 'asc' }],
      take: maxApps,
    }),

  find: async <Query extends Prisma.AppDefaultArgs>(
    query: Query,
    scope: Scope,
    by: { id: string } | { slug: string },
  ): Promise<Prisma.AppGetPayload<Query> | null> => {
    const [app] = await selected<Prisma.AppGetPayload<Query>>({ run }, 'App', { ...query, where: { ...by, organizationId: scope.organizationId }, take: 1 })
    return app ?? null
  },

  /** The given apps that are in scope. */
  among: <Query extends Prisma.AppDefaultArgs>(query: Query, scope: Scope, ids: readonly string[]) =>
    selected<Prisma.AppGetPayload<Query>>({ run }, 'App', { ...query, where: { organizationId: scope.organizationId, id: { in: [...ids] } } }),

  count: async (scope: Scope): Promise<number> =>
    (await run<{ apps: number }>(Prisma.sql`SELECT count(*)::int AS apps FROM app WHERE organization_id = ${scope.organizationId}`))[0]?.apps ?? 0,

  insert: (app: { id: string; organizationId: string; slug: string; name: string; createdAt: Date }) => run(insertion('App', app)),
})

export type AppStore = ReturnType<typeof appStore>
