import type { Scope } from '../access/scope.ts'
import type { Connection, Prisma } from '../store/client.ts'
import { insertion } from '../store/insertion.ts'
import { selected } from '../store/selected.ts'

/** The most organizations that are listed for a subject. */
export const maxOrganizations = 200

export const organizationStore = ({ client, run }: Connection) => ({
  /** The actor's own organization. */
  find: async <Query extends Prisma.OrganizationDefaultArgs>(query: Query, scope: Scope): Promise<Prisma.OrganizationGetPayload<Query>> => {
    const [own] = await selected<Prisma.OrganizationGetPayload<Query>>({ run }, 'Organization', { ...query, where: { id: scope.organizationId } })
    if (!own) throw new Error('the organization is gone')
    return own
  },

  /** The actor's own, if it is one of these. */
  among: <Query extends Prisma.OrganizationDefaultArgs>(query: Query, scope: Scope, ids: readonly string[]) =>
    selected<Prisma.OrganizationGetPayload<Query>>({ run }, 'Organization', {
      ...query,
      where: { AND: [{ id: scope.organizationId }, { id: { in: [...ids] } }] },
    }),

  /** The number of its newest event. */
  version: async (id: string): Promise<bigint> => (await client.organization.findUniqueOrThrow({ where: { id }, select: { version: true } })).version,

  /** The same for many, in one statement. */
  versions: (ids: readonly string[]) => client.organization.findMany({ where: { id: { in: [...ids] } }, select: { id: true, version: true } }),

  bySlugOrId: (text: string) => client.organization.findFirst({ where: { OR: [{ id: text }, { slug: text }] }, select: { id: true } }),

  /** At most two organizations, to check whether there is only one. */
  firstTwo: () => client.organization.findMany({ select: { id: true }, orderBy: { id: 'asc' }, take: 2 }),

  /** Every organization in which the subject is a present member, by name. */
  ofSubject: <Query extends Prisma.OrganizationDefaultArgs>(query: Query, subject: string) =>
    selected<Prisma.OrganizationGetPayload<Query>>({ run }, 'Organization', {
      ...query,
      where: { members: { some: { subject, removedAt: null } } },
      orderBy: [{ name: 'asc' }, { id: 'asc' }],
      take: maxOrganizations,
    }),

  insert: (organization: { id: string; slug: string; name: string }) => run(insertion('Organization', organization)),

  /** Moves each version and mark past any that servers and clients can know; returns of how many. */
  forgetWhatIsKnown: () => client.$executeRaw`UPDATE organization SET version = version + 1000000, denial_mark = gen_random_uuid()`,

  anyExists: async (): Promise<boolean> => (await client.organization.findFirst({ select: { id: true } })) !== null,
})

export type OrganizationStore = ReturnType<typeof organizationStore>
