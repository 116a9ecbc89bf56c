import { expect, test } from 'vitest'
import { expireKeys } from '../../src/keys/expire-keys.ts'
import { companyOfFile } from '../support/file-server.ts'
import { recount } from '../support/recount.ts'

const { server, company } = await companyOfFile()

const told = async (): Promise<number> => Number((await server.sql<{ n: bigint }>("SELECT count(*) AS n FROM event WHERE kind = 'API_KEY_EXPIRED'"))[0]?.n)

test('keys that expired while nothing ran get exactly one event each, in batches, with several sweepers at once', async () => {
  // 1,203 keys in two organizations, made by one statement: the use case is not what is tested here.
  for (const [person, instance, count] of [
    ['ownA', company.I1, 1_201],
    ['ownB', company.J1, 2],
  ] as const) {
    const { organizationId, memberId } = company.members[person]
    await server.sql(
      `INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at)
       SELECT 'key_' || $1 || lpad(n::text, 20, '0'), $2, i.app_id, i.id, $3, 'k' || n, 'h', now(), now() + interval '1 day'
       FROM generate_series(1, $4::int) n, app_instance i WHERE i.id = $5 RETURNING 1`,
      person,
      organizationId,
      memberId,
      count,
      instance,
    )
  }
  const before = await told()
  server.time.now = new Date(server.time.now.getTime() + 2 * 86_400_000)
  await Promise.all([expireKeys(server.app.ports), expireKeys(server.app.ports), expireKeys(server.app.ports), server.app.sweep()])
  await server.app.sweep()
  expect((await told()) - before).toBe(1_203)
  const events = await server.sql<{ n: bigint; keys: bigint; actors: bigint }>(
    "SELECT count(*) AS n, count(DISTINCT api_key_id) AS keys, count(actor_id) AS actors FROM event WHERE kind = 'API_KEY_EXPIRED'",
  )
  expect(events).toEqual([{ n: 1_203n, keys: 1_203n, actors: 0n }])
  expect(await server.sql("SELECT 1 FROM api_key WHERE status = 'ACTIVE' AND expires_at <= $1", server.time.now)).toEqual([])
  expect(await recount(server)).toEqual([])
})

test('a revoked or orphaned key does not expire as well', async () => {
  const { id } = await company.createKey('ownA', company.I1, 'revoked', 1)
  await server.sql('UPDATE api_key SET revoked_at = now() WHERE id = $1 RETURNING 1', id)
  const before = await told()
  server.time.now = new Date(server.time.now.getTime() + 2 * 86_400_000)
  await server.app.sweep()
  expect(await told()).toBe(before)
})
