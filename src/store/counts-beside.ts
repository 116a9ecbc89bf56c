import { instancesIn, type Scope } from '../access/scope.ts'
import { Prisma } from './client.ts'
import { sqlOf } from './conditions.ts'

/**
 * The counts of an app or an instance, read with its row (of this alias) in one statement, in the order of `CountsBeside`; null for an instance that
 * is not in scope. Undefined where a row would cost more than looking up one: a member's app has the sums of what is granted there.
 */
export function countsBeside(scope: Scope, type: 'App' | 'AppInstance'): ((alias: string) => Prisma.Sql) | undefined {
  if (scope.kept.length > 0 || (type === 'App' && !scope.all)) return undefined
  return (alias) => {
    const id = Prisma.raw(`${alias}."id"`)
    const counts = Prisma.sql`json_build_array(c.active, c.expired, c.orphaned, c.revoked, (SELECT version FROM organization WHERE id = ${scope.organizationId}))`
    const ofRow = Prisma.sql`SELECT ${counts} FROM key_count c WHERE c.subject_id = ${id}`
    if (scope.all) return Prisma.sql`(${ofRow})`
    return Prisma.sql`(${ofRow} AND ${sqlOf(instancesIn(scope), alias, 'AppInstance')})`
  }
}
