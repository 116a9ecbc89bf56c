import type { Marks } from '../access/actor.ts'
import type { Scope } from '../access/scope.ts'
import { scopeOf } from '../access/scope.ts'
import { unauthenticated } from '../errors.ts'
import { searchable } from '../folding.ts'
import type { OrganizationRole } from '../generated/prisma/enums.ts'
import { type Connection, type Database, Prisma } from '../store/client.ts'
import { idsFound } from '../store/found.ts'
import { insertion } from '../store/insertion.ts'
import { selected } from '../store/selected.ts'

export interface PresentMember {
  memberId: string
  organizationId: string
  organizationVersion: bigint
  role: OrganizationRole
}

export interface MemberFacts {
  id: string
  name: string
  role: OrganizationRole
  removedAt: Date | null
}

/** A present member, as one statement finds it for a request. */
export interface PresentCaller extends PresentMember {
  marks: Marks
}

export const memberStore = ({ client, run }: Connection) => ({
  /** The present member with this subject, if there is one; `organization` is an id or a slug. */
  bySubject: (subject: string, organization: string): Promise<(PresentMember & { name: string })[]> =>
    run<PresentMember & { name: string }>(Prisma.sql`
      SELECT m.id AS "memberId", m.name, m.role::text AS role, o.id AS "organizationId", o.version AS "organizationVersion"
      FROM organization o JOIN member m ON m.organization_id = o.id AND m.subject = ${subject} AND m.removed_at IS NULL
      WHERE o.id = ${organization} OR o.slug = ${organization} LIMIT 1`),

  /** The actor's current scope; throws UNAUTHENTICATED once the member is removed. Every write starts with this, under the lock. */
  scopeNow: async (actor: { memberId: string; organizationId: string }): Promise<Scope> => {
    const [row] = await run<{ role: OrganizationRole }>(Prisma.sql`
      SELECT role::text AS role FROM member WHERE id = ${actor.memberId} AND organization_id = ${actor.organizationId} AND removed_at IS NULL`)
    if (!row) throw unauthenticated()
    return scopeOf({ ...actor, role: row.role })
  },

  /** The given members of the organization, removed or not. */
  among: <Query extends Prisma.MemberDefaultArgs>(query: Query, scope: Scope, ids: readonly string[]) =>
    selected<Prisma.MemberGetPayload<Query>>({ run }, 'Member', { ...query, where: { organizationId: scope.organizationId, id: { in: [...ids] } } }),

  isPresent: async (scope: Scope, id: string): Promise<boolean> =>
    (await run(Prisma.sql`SELECT 1 FROM member WHERE id = ${id} AND organization_id = ${scope.organizationId} AND removed_at IS NULL`)).length > 0,

  /** A present or removed member with what a decision about them needs. */
  facts: async (scope: Scope, id: string): Promise<MemberFacts | null> =>
    (
      await run<MemberFacts>(Prisma.sql`
        SELECT id, name, role::text AS role, removed_at AS "removedAt" FROM member WHERE id = ${id} AND organization_id = ${scope.organizationId}`)
    )[0] ?? null,

  page: <Query extends Prisma.MemberDefaultArgs>(query: Query, scope: Scope, page: { where: Prisma.MemberWhereInput; orderBy: object[]; take: number }) =>
    selected<Prisma.MemberGetPayload<Query>>({ run }, 'Member', { ...query, ...page, where: { AND: [{ organizationId: scope.organizationId }, page.where] } }),

  /** Ids of a page of members that a text is searched in. */
  idsFound: (
    { organizationId }: Scope,
    page: { where: Prisma.MemberWhereInput; matching: Prisma.MemberWhereInput; orderBy: object[]; take: number },
  ): Promise<string[]> => idsFound(client, { ...page, model: 'Member', among: 'fewer', along: { AND: [{ organizationId }, page.where] } }),

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
  owners: async (scope: Scope): Promise<number> =>
    (
      await run<{ owners: number }>(Prisma.sql`
        SELECT count(*)::int AS owners FROM member WHERE organization_id = ${scope.organizationId} AND role = 'OWNER' AND removed_at IS NULL`)
    )[0]?.owners ?? 0,

  /** What gives the member this role. */
  setRole: (id: string, role: OrganizationRole): Prisma.Sql => Prisma.sql`UPDATE member SET role = ${role}::"OrganizationRole" WHERE id = ${id}`,

  /** Keeps the row as history; deletes the roles on instances. */
  markRemoved: (id: string, removedAt: Date) =>
    run(Prisma.sql`
      WITH gone AS (DELETE FROM instance_access WHERE member_id = ${id}) UPDATE member SET removed_at = ${removedAt} WHERE id = ${id}`),

  insert: (member: { id: string; organizationId: string; subject: string; name: string; email: string | null; role: OrganizationRole; joinedAt: Date }) =>
    run(insertion('Member', { ...member, ...searchable(member.name, member.email ?? '') })),
})

export type MemberStore = ReturnType<typeof memberStore>

/** A row of both statements below; without a member the organization is the only one, or one of two. */
interface FoundMember {
  memberId: string | null
  subject: string
  /** As it was named; null where it was not. */
  named: string | null
  role: OrganizationRole
  organizationId: string
  organizationVersion: bigint | string
  changeMark: string
  useMark: string | null
}

// After a restore or a failover the same version and mark can be in another place: in another file, or of another server.
const columns = `m.id AS "memberId", m.subject, m.role::text AS role, o.id AS "organizationId", o.version AS "organizationVersion",
  concat_ws(' ', o.change_mark, pg_relation_filenode('organization'), pg_postmaster_start_time()) AS "changeMark", u.mark::text AS "useMark"`

// OFFSET 0 keeps PostgreSQL from beginning with every member of this subject, wherever they are. It knows no length of an array that is selected: else
// it would plan each time.
const inNamed = `
  SELECT ${columns}, a.organization AS named FROM unnest((SELECT $1::text[]), (SELECT $2::text[])) AS a(subject, organization)
  CROSS JOIN LATERAL (SELECT * FROM organization WHERE id = a.organization OR slug = a.organization OFFSET 0) o
  CROSS JOIN LATERAL (SELECT * FROM member WHERE organization_id = o.id AND subject = a.subject AND removed_at IS NULL OFFSET 0) m
  LEFT JOIN use_mark u ON u.organization_id = o.id`

const inOnly = `
  SELECT ${columns}, NULL AS named FROM (SELECT id, version, change_mark FROM organization ORDER BY id LIMIT 2) o
  LEFT JOIN member m ON m.organization_id = o.id AND m.subject = ANY($1) AND m.removed_at IS NULL LEFT JOIN use_mark u ON u.organization_id = o.id`

/** Finds members for callers, with the marks of their organizations; the texts of its statements never change. */
export const callerStore = ({ read }: Pick<Database, 'read'>) => {
  const ask = async (text: string, values: readonly unknown[]): Promise<[FoundMember, PresentCaller[]][]> => {
    const askedAt = performance.now()
    const rows = await read<FoundMember>(text, values, 'callers')
    return rows.map((row) => {
      const { memberId, role, organizationId, organizationVersion, changeMark, useMark } = row
      const marks = { rows: changeMark, uses: useMark, askedAt }
      return [row, memberId === null ? [] : [{ memberId, role, organizationId, organizationVersion: BigInt(organizationVersion), marks }]]
    })
  }
  return {
    /** The present member with each subject, if there is one, in the named organization. */
    inNamed: async (sought: readonly { subject: string; organization: string }[]): Promise<PresentCaller[][]> => {
      const keyOf = (subject: string, organization: string | null): string => `${subject} ${organization}`
      const different = [...new Map(sought.map((each) => [keyOf(each.subject, each.organization), each])).values()]
      const rows = await ask(inNamed, [different.map(({ subject }) => subject), different.map(({ organization }) => organization)])
      const found = new Map(rows.map(([row, callers]) => [keyOf(row.subject, row.named), callers]))
      return sought.map(({ subject, organization }) => found.get(keyOf(subject, organization)) ?? [])
    },

    /**
     * The same in the only organization; null when there are several. One statement reads both, so that nothing cached is wrong after another
     * node creates an organization.
     */
    inOnly: async (subjects: readonly string[]): Promise<(PresentCaller[] | null)[]> => {
      const rows = await ask(inOnly, [[...new Set(subjects)]])
      const isOnly = new Set(rows.map(([{ organizationId }]) => organizationId)).size < 2
      const found = new Map(rows.map(([{ subject }, callers]) => [subject, callers]))
      return subjects.map((subject) => (isOnly ? (found.get(subject) ?? []) : null))
    },
  }
}

export type CallerStore = ReturnType<typeof callerStore>
