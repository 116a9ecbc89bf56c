import { instancesIn, type Scope } from '../access/scope.ts'
import { searchable } from '../folding.ts'
import type { InstanceRole, InstanceStatus } from '../generated/prisma/enums.ts'
import { type Connection, Prisma } from '../store/client.ts'
import { insertion } from '../store/insertion.ts'
import { selected } from '../store/selected.ts'

export interface InstanceFacts {
  id: string
  name: string
  appId: string
  deletedAt: Date | null
  /** The actor's role on it, as granted; null for an organization owner without a grant. */
  viewerRole: InstanceRole | null
}

export const instanceStore = ({ client, run }: Connection) => ({
  /** The given instances that are in scope. */
  among: <Query extends Prisma.AppInstanceDefaultArgs>(query: Query, scope: Scope, ids: readonly string[]) =>
    selected<Prisma.AppInstanceGetPayload<Query>>({ run }, 'AppInstance', { ...query, where: { AND: [instancesIn(scope), { id: { in: [...ids] } }] } }),

  /** How many instances match, for each of these apps with a match. */
  countsByApp: async (where: Prisma.AppInstanceWhereInput, appIds: readonly string[]): Promise<Map<string, number>> => {
    const rows = await client.appInstance.groupBy({ by: ['appId'], where: { AND: [{ appId: { in: [...appIds] } }, where] }, _count: { _all: true } })
    return new Map(rows.map(({ appId, _count }) => [appId, _count._all]))
  },

  /** What a decision about the instance needs; null when it is out of scope. */
  facts: async (scope: Scope, id: string): Promise<InstanceFacts | null> => {
    // The same rule as `instancesIn`, in one statement without Prisma.
    const [row] = await run<InstanceFacts>(Prisma.sql`
      SELECT i.id, i.name, i.app_id AS "appId", i.deleted_at AS "deletedAt", a.role::text AS "viewerRole"
      FROM app_instance i LEFT JOIN instance_access a ON a.instance_id = i.id AND a.member_id = ${scope.memberId}
      WHERE i.id = ${id} AND i.organization_id = ${scope.organizationId}
        AND (${scope.all} OR (i.deleted_at IS NULL AND a.role IS NOT NULL) OR i.id = ANY(${scope.kept}))`)
    return row ?? null
  },

  /** Whether the actor is OWNER of some instance that still exists. */
  ownsAny: async (scope: Scope): Promise<boolean> =>
    (await client.instanceAccess.findFirst({
      where: { memberId: scope.memberId, role: 'OWNER', instance: { deletedAt: null } },
      select: { instanceId: true },
    })) !== null,

  insert: (instance: { id: string; organizationId: string; appId: string; name: string; status: InstanceStatus; createdById: string; createdAt: Date }) =>
    run(insertion('AppInstance', { ...instance, ...searchable(instance.name) })),

  markDeleted: (id: string, deletedAt: Date) => run(Prisma.sql`UPDATE app_instance SET status = 'DELETED', deleted_at = ${deletedAt} WHERE id = ${id}`),

  roleOf: async (instanceId: string, memberId: string): Promise<InstanceRole | null> =>
    (
      await run<{ role: InstanceRole }>(
        Prisma.sql`SELECT role::text AS role FROM instance_access WHERE member_id = ${memberId} AND instance_id = ${instanceId}`,
      )
    )[0]?.role ?? null,

  /** The member's roles on these instances, where they have one. */
  rolesOf: async (memberId: string, ids: readonly string[]): Promise<Map<string, InstanceRole>> => {
    const rows = await client.instanceAccess.findMany({ where: { memberId, instanceId: { in: [...ids] } }, select: { instanceId: true, role: true } })
    return new Map(rows.map(({ instanceId, role }) => [instanceId, role]))
  },

  /** How many members have a role, for each of these instances with any. */
  accessCounts: async (ids: readonly string[]): Promise<Map<string, number>> => {
    const rows = await client.instanceAccess.groupBy({ by: ['instanceId'], where: { instanceId: { in: [...ids] } }, _count: { _all: true } })
    return new Map(rows.map(({ instanceId, _count }) => [instanceId, _count._all]))
  },

  /** What gives the member this role on it, or takes theirs. */
  setRole: (instanceId: string, memberId: string, role: InstanceRole | null): Prisma.Sql =>
    role === null
      ? Prisma.sql`DELETE FROM instance_access WHERE member_id = ${memberId} AND instance_id = ${instanceId}`
      : Prisma.sql`${insertion('InstanceAccess', { memberId, instanceId, role })} ON CONFLICT (member_id, instance_id) DO UPDATE SET role = EXCLUDED.role`,
})

export type InstanceStore = ReturnType<typeof instanceStore>
