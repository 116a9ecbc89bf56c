import type { Scope } from '../access/scope.ts'
import { Prisma } from './client.ts'

const sums = Prisma.raw(['active', 'expired', 'orphaned', 'revoked'].map((status) => `coalesce(sum(c.${status}), 0)`).join())

/**
 * The counts of an app or an instance, read with its row (of this alias) in one statement, in the order of `CountsBeside`; null for an instance that
 * is not in scope. For an app of a member they are those of the instances granted there.
 */
export const countsBeside =
  (scope: Scope, type: 'App' | 'AppInstance') =>
  (alias: string): Prisma.Sql => {
    const version = Prisma.sql`(SELECT version FROM organization WHERE id = ${scope.organizationId})`
    const id = Prisma.raw(`${alias}."id"`)
    const own = Prisma.sql`c.active, c.expired, c.orphaned, c.revoked, ${version}`
    if (scope.all) return Prisma.sql`(SELECT json_build_array(${own}) FROM key_count c WHERE c.subject_id = ${id})`
    const granted = Prisma.sql`instance_access a JOIN app_instance i ON i.id = a.instance_id AND i.deleted_at IS NULL JOIN key_count c ON c.subject_id = i.id
      WHERE a.member_id = ${scope.memberId} AND i.organization_id = ${scope.organizationId}`
    return type === 'App'
      ? Prisma.sql`(SELECT json_build_array(${sums}, ${version}) FROM ${granted} AND i.app_id = ${id})`
      : Prisma.sql`(SELECT json_build_array(${own}) FROM ${granted} AND i.id = ${id})`
  }
