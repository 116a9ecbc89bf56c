import type { Scope } from '../access/scope.ts'
import type { Prisma, Statements } from '../store/client.ts'

export const organizationStore = (client: Statements) => ({
  /** The actor's own organization. */
  find: <Query extends Prisma.OrganizationDefaultArgs>(query: Query, scope: Scope) =>
    client.organization.findUniqueOrThrow({ ...query, where: { id: scope.organizationId } }),

  insert: (organization: { id: string; slug: string; name: string }) => client.organization.create({ data: organization, select: { id: true } }),

  bySlug: (slug: string) => client.organization.findUnique({ where: { slug }, select: { id: true } }),

  anyExists: async (): Promise<boolean> => (await client.organization.findFirst({ select: { id: true } })) !== null,
})

export type OrganizationStore = ReturnType<typeof organizationStore>
