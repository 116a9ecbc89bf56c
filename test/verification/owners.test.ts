import { expect, test } from 'vitest'
import type { AuraError } from '../../src/errors.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { companyOfFile } from '../support/file-server.ts'
import { recount } from '../support/recount.ts'

const { server, company } = await companyOfFile()

test('OR-03 no key is without a creator: the database refuses it, and a key whose creator was removed is refused with 200, never 500', async () => {
  const { ownA } = company.members
  const { memberId } = await addMember(server.app.ports, ownA, { subject: 'leaver', name: 'leaver', role: 'AURA_OWNER' })
  const { id, plaintext } = await company.createKey('devA', company.I1)
  const run = (sql: string) => server.app.database.client.$executeRawUnsafe(sql)
  await expect(
    run(`INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at)
      SELECT 'key_without', organization_id, app_id, instance_id, NULL, 'x', 'h', created_at, expires_at FROM api_key WHERE id = '${id}'`),
  ).rejects.toThrow(/null value|23502|Null constraint/i)
  await expect(run(`UPDATE api_key SET created_by_id = NULL WHERE id = '${id}'`)).rejects.toThrow()
  await expect(run(`DELETE FROM member WHERE id = '${company.members.devA.memberId}'`)).rejects.toThrow()
  expect(await server.verify(plaintext, company.I1)).toMatchObject({ valid: true, keyId: id })

  const left = await createApiKey(server.app.ports, { ...ownA, memberId }, { instanceId: company.I1, name: 'left', expiresInDays: 9 })
  await removeMember(server.app.ports, ownA, { id: memberId, acknowledged: true })
  const answer = await fetch(`${server.url}/v1/verify`, { method: 'POST', body: JSON.stringify({ key: left.plaintext?.expose(), instanceId: company.I1 }) })
  expect([answer.status, await answer.json()]).toEqual([200, { valid: false, code: 'ORPHANED' }])
})

/** Calls again whoever had to wait too long for the lock, as the answer says. */
async function insist(call: () => Promise<unknown>): Promise<void> {
  for (let attempts = 0; ; attempts++) {
    try {
      await call()
      return
    } catch (error) {
      if ((error as Partial<AuraError>).extensions?.code !== 'UNAVAILABLE' || attempts > 20) throw error
    }
  }
}

test('OR-10 in a thousand races of removing the creator and revoking the key, the key ends REVOKED with one revocation event', {
  timeout: 300_000,
}, async () => {
  const { ports } = server.app
  const { ownA } = company.members
  const races = 1_000
  // Made by one statement each: the use cases are not what is tested here.
  await server.sql(
    `WITH made AS (INSERT INTO member (id, organization_id, subject, name, role, joined_at)
      SELECT 'mem_' || lpad(n::text, 26, '0'), $1, 'racer-' || n, 'racer', 'AURA_OWNER', now() FROM generate_series(0, $2::int - 1) n RETURNING 1) SELECT count(*) FROM made`,
    ownA.organizationId,
    races,
  )
  await server.sql(
    `WITH made AS (INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at)
      SELECT 'key_' || lpad(n::text, 26, '0'), $1, $2, $3, 'mem_' || lpad(n::text, 26, '0'), 'raced', 'h', now(), now() + interval '9 days'
      FROM generate_series(0, $4::int - 1) n RETURNING 1) SELECT count(*) FROM made`,
    ownA.organizationId,
    company.appId,
    company.I1,
    races,
  )
  const started = Array.from({ length: races }, (_, race) => String(race).padStart(26, '0'))
  for (let batch = 0; batch < races; batch += 20) {
    const calls = started.slice(batch, batch + 20).flatMap((number, place) => {
      const revoke = () => revokeApiKeys(ports, ownA, { ids: [`key_${number}`], acknowledged: true })
      const remove = () => removeMember(ports, ownA, { id: `mem_${number}`, acknowledged: true })
      // Some revoke twice.
      return (
        [
          [revoke, remove],
          [remove, revoke],
          [revoke, remove, revoke],
          [remove, revoke, revoke],
        ][place % 4] ?? []
      )
    })
    await Promise.all(calls.map(insist))
  }
  const rows = await server.sql<{ status: string; removed: boolean; orphaned: boolean; revocations: number; orphanings: number; removals: number }>(
    `SELECT k.status::text, m.removed_at IS NOT NULL AS removed, k.orphan_reason IS NOT NULL AS orphaned,
      (SELECT count(*)::int FROM event e WHERE e.api_key_id = k.id AND e.kind = 'API_KEY_REVOKED') AS revocations,
      (SELECT count(*)::int FROM event e WHERE e.api_key_id = k.id AND e.kind = 'API_KEY_ORPHANED') AS orphanings,
      (SELECT count(*)::int FROM event e WHERE e.member_id = m.id AND e.kind = 'MEMBER_REMOVED') AS removals
     FROM api_key k JOIN member m ON m.id = k.created_by_id WHERE k.name = 'raced'`,
  )
  expect(rows).toHaveLength(races)
  for (const row of rows) {
    expect(row).toEqual({ status: 'REVOKED', removed: true, orphaned: row.orphaned, revocations: 1, orphanings: row.orphaned ? 1 : 0, removals: 1 })
  }
  // Both won at times, so there were races.
  const lost = rows.filter((row) => row.orphaned).length
  expect(lost).toBeGreaterThan(10)
  expect(lost).toBeLessThan(races - 10)
  const [organization] = await server.sql<{ gaps: boolean }>(
    'SELECT o.version <> (SELECT count(*) FROM event e WHERE e.organization_id = o.id) AS gaps FROM organization o WHERE o.id = $1',
    ownA.organizationId,
  )
  expect(organization?.gaps).toBe(false)
  expect(await recount(server)).toEqual([])
})
