import type { Actor } from '../../src/access/actor.ts'
import { type Size, seedLarge } from '../../src/cli/seed.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import type { TestServer } from './server.ts'

const zero = '0'.repeat(26)
const [organization, owner, instance, app] = [`org_${zero}`, `mem_${zero}`, `ins_${zero}`, `app_${zero}`]

/** The OWNER of the first organization that `seedLarge` makes. */
export const seededOwner: Actor = {
  memberId: owner,
  organizationId: organization,
  subject: 'member-0',
  role: 'OWNER',
  organizationVersion: 0n,
  expiresAt: new Date(4e12),
}

/** Fills the database by `seedLarge`, and makes the tables large that it leaves small: members, instances, roles and secrets of its first organization. */
export async function seedWide(server: TestServer, size: Omit<Size, 'instances'>): Promise<void> {
  await seedLarge(server.app.database.client, { ...size, instances: 600 })
  const run = (sql: string): Promise<unknown> => server.app.database.client.$executeRawUnsafe(sql)
  const id = (prefix: string, n = 'n'): string => `'${prefix}_' || lpad((9000000 + ${n})::text, 26, '0')`
  await run(`INSERT INTO member (id, organization_id, subject, name, role, joined_at)
    SELECT ${id('mem')}, '${organization}', 'more-' || n, 'More ' || md5(n::text), 'MEMBER', now() FROM generate_series(1, 4000) n`)
  await run(`INSERT INTO instance_access (instance_id, member_id, role) SELECT '${instance}', ${id('mem')}, 'USER' FROM generate_series(1, 4000) n`)
  await run(`INSERT INTO app_instance (id, organization_id, app_id, name, status, created_by_id, created_at)
    SELECT ${id('ins')}, '${organization}', '${app}', 'more-' || md5(n::text), 'ACTIVE', '${owner}', now() FROM generate_series(1, 4000) n`)
  const actor = {
    memberId: owner,
    organizationId: organization,
    subject: 'member-0',
    role: 'OWNER',
    organizationVersion: 0n,
    expiresAt: new Date(4e12),
  } as const
  await createApiKey(server.app.ports, actor, { instanceId: instance, name: 'one', expiresInDays: 1, saveAsSecret: { name: 'one' } })
  // Copies of a real one: nothing opens them here, and no re-wrapping wants to.
  await run(`INSERT INTO secret (id, organization_id, name, created_by_id, created_at, updated_at, version, kek_id, sealed)
    SELECT ${id('sec')}, organization_id, 'more_' || n, created_by_id, created_at - n * interval '1 minute', updated_at, version, kek_id, sealed
    FROM secret, generate_series(1, 4000) n WHERE secret.name = 'one'`)
  await run('VACUUM ANALYZE')
}
