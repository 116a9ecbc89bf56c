import type { Scope } from '../access/scope.ts'
import { scopeOf } from '../access/scope.ts'
import { unauthenticated } from '../errors.ts'
import type { OrganizationRole } from '../generated/prisma/enums.ts'
import type { Prisma, Statements } from '../store/client.ts'

export interface PresentMember {
  memberId: string
  organizationId: string
  organizationVersion: bigint
  role: OrganizationRole
}

export const memberStore = (client: Statements) => ({
  /** The present member with this subject, if there is one; `organization` is an id or a slug. */
  bySubject: async (subject: string, organization: string): Promise<PresentMember[]> => {
    const rows = await client.member.findMany({
      where: { subject, removedAt: null, organization: { OR: [{ id: organization }, { slug: organization }] } },
      select: { id: true, organizationId: true, role: true, organization: { select: { version: true } } },
      take: 1,
    })
    return rows.map((row) => ({ memberId: row.id, organizationId: row.organizationId, organizationVersion: row.organization.version, role: row.role }))
  },

  /**
   * The same in the only organization; null when there are several. One statement reads both, so that nothing cached is wrong after another
   * node creates an organization.
   */
  ofOnlyOrganization: async (subject: string): Promise<PresentMember[] | null> => {
    const rows = await client.$queryRaw<(PresentMember & { memberId: string | null })[]>`
      SELECT m.id AS "memberId", m.role::text AS role, o.id AS "organizationId", o.version AS "organizationVersion"
      FROM (SELECT id, version FROM organization ORDER BY id LIMIT 2) o
      LEFT JOIN member m ON m.organization_id = o.id AND m.subject = ${subject} AND m.removed_at IS NULL`
    return rows.length > 1 ? null : rows.filter(({ memberId }) => memberId !== null)
  },

  /** The actor's current scope; throws UNAUTHENTICATED once the member is removed. Every write starts with this, under the lock. */
  scopeNow: async (actor: { memberId: string; organizationId: string }): Promise<Scope> => {
    const row = await client.member.findFirst({
      where: { id: actor.memberId, organizationId: actor.organizationId, removedAt: null },
      select: { role: true },
    })
    if (!row) throw unauthenticated()
    return scopeOf({ ...actor, role: row.role })
  },

  /** The given members of the organization, removed or not. */
  among: <Query extends Prisma.MemberDefaultArgs>(query: Query, scope: Scope, ids: readonly string[]) =>
    client.member.findMany({ ...query, where: { organizationId: scope.organizationId, id: { in: [...ids] } } }),

  isPresent: async (scope: Scope, id: string): Promise<{ name: string } | null> =>
    client.member.findFirst({ where: { id, organizationId: scope.organizationId, removedAt: null }, select: { name: true } }),

  /** A present or removed member with what a decision about them needs. */
  facts: (scope: Scope, id: string) =>
    client.member.findFirst({ where: { id, organizationId: scope.organizationId }, select: { id: true, name: true, role: true, removedAt: true } }),

  page: <Query extends Prisma.MemberDefaultArgs>(query: Query, scope: Scope, page: { where: Prisma.MemberWhereInput; orderBy: object[]; take: number }) =>
    client.member.findMany({
      ...query,
      where: { AND: [{ organizationId: scope.organizationId }, page.where] },
      orderBy: page.orderBy as Prisma.MemberOrderByWithRelationInput[],
      take: page.take,
    }),

  count: (scope: Scope, where: Prisma.MemberWhereInput): Promise<number> =>
    client.member.count({ where: { AND: [{ organizationId: scope.organizationId }, where] } }),

  /** The scopes of the present members with these ids. */
  scopesOf: async (organizationId: string, ids: readonly string[]): Promise<Scope[]> => {
    const rows = await client.member.findMany({ where: { organizationId, id: { in: [...ids] }, removedAt: null }, select: { id: true, role: true } })
    return rows.map(({ id, role }) => scopeOf({ organizationId, memberId: id, role }))
  },

  /** Present members by subject and organization, an id or a slug; many in one statement. */
  bySubjects: (asked: readonly { subject: string; organization: string }[]) => client.$queryRaw<(PresentMember & { subject: string; organization: string })[]>`
    SELECT p.subject, p.organization, m.id AS "memberId", m.role::text AS role, o.id AS "organizationId", o.version AS "organizationVersion"
    FROM jsonb_to_recordset(${JSON.stringify(asked)}::jsonb) AS p(subject text, organization text)
    JOIN organization o ON p.organization IN (o.id, o.slug)
    JOIN member m ON m.organization_id = o.id AND m.subject = p.subject AND m.removed_at IS NULL`,

  /**
   * Which of these apps and instances are visible: to a member, or with null to an actor who sees the whole organization.
   * The same rule as the scope, for many at once.
   */
  sees: (organizationId: string, asked: readonly { memberId: string | null; subjectId: string }[]) => client.$queryRaw<
    { memberId: string | null; subjectId: string }[]
  >`
    SELECT p."memberId", p."subjectId" FROM jsonb_to_recordset(${JSON.stringify(asked)}::jsonb) AS p("memberId" text, "subjectId" text)
    WHERE EXISTS (SELECT 1 FROM app a WHERE a.id = p."subjectId" AND a.organization_id = ${organizationId})
      OR EXISTS (
        SELECT 1 FROM app_instance i WHERE i.id = p."subjectId" AND i.organization_id = ${organizationId} AND (p."memberId" IS NULL OR (
          i.deleted_at IS NULL AND EXISTS (SELECT 1 FROM instance_access x WHERE x.instance_id = i.id AND x.member_id = p."memberId"))))`,

  /** How many present members own the organization. */
  owners: (scope: Scope): Promise<number> => client.member.count({ where: { organizationId: scope.organizationId, role: 'OWNER', removedAt: null } }),

  setRole: (id: string, role: OrganizationRole) => client.member.update({ where: { id }, data: { role }, select: { id: true } }),

  /** Keeps the row as history; deletes the roles on instances. */
  markRemoved: async (id: string, removedAt: Date): Promise<void> => {
    await client.instanceAccess.deleteMany({ where: { memberId: id } })
    await client.member.update({ where: { id }, data: { removedAt }, select: { id: true } })
  },

  insert: (member: { id: string; organizationId: string; subject: string; name: string; email: string | null; role: OrganizationRole; joinedAt: Date }) =>
    client.member.create({ data: member, select: { id: true } }),
})

export type MemberStore = ReturnType<typeof memberStore>
