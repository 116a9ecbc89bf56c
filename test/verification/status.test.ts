import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decide } from '../../src/verification/decide.ts'
import { verificationStore } from '../../src/verification/store.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()

type Status = 'REVOKED' | 'ORPHANED' | 'EXPIRED' | 'ACTIVE'

/** The precedence as it is promised: by each combination of the three facts, revoked first, then orphaned, then expired. */
const promised: Record<`${boolean} ${boolean} ${boolean}`, Status> = {
  'true true true': 'REVOKED',
  'true true false': 'REVOKED',
  'true false true': 'REVOKED',
  'true false false': 'REVOKED',
  'false true true': 'ORPHANED',
  'false true false': 'ORPHANED',
  'false false true': 'EXPIRED',
  'false false false': 'ACTIVE',
}

test('OR-12 what a key opens follows from instance, creator, revocation, end and time alone, in the promised order', () => {
  const now = Date.UTC(2026, 10, 23)
  // Each fact as often as not, so that every combination comes hundreds of times.
  const moment = fc.option(
    fc.integer({ min: -1_000, max: 1_000 }).map((ms) => new Date(now + ms)),
    { freq: 2 },
  )
  const seen = new Set<string>()
  fc.assert(
    fc.property(
      fc.record({
        revokedAt: moment,
        instanceDeletedAt: moment,
        creatorRemovedAt: moment,
        orphanReason: fc.constantFrom(null, null, null, null, 'INSTANCE_DELETED' as const, 'CREATOR_REMOVED' as const),
        // Around the very moment more often than not.
        end: fc.oneof(fc.constantFrom(-1, 0, 1), fc.integer({ min: -1e9, max: 1e9 })),
        expiredAt: fc.constantFrom(null, null, null, new Date(now)),
        // The database's own clock, which may be before or behind.
        readAt: fc.integer({ min: -1_000, max: 1_000 }).map((ms) => new Date(now + ms)),
        right: fc.boolean(),
      }),
      ({ end, right, ...facts }) => {
        const orphaned = facts.instanceDeletedAt !== null || facts.creatorRemovedAt !== null || facts.orphanReason !== null
        const over = facts.expiredAt !== null || Math.max(now, facts.readAt.getTime()) >= now + end
        const combination = `${facts.revokedAt !== null} ${orphaned} ${over}` as const
        seen.add(combination)
        const key = { ...facts, instanceId: 'ins_a', expiresAt: new Date(now + end) }
        const status = promised[combination]
        const expected = right ? (status === 'ACTIVE' ? 'VALID' : status) : 'WRONG_INSTANCE'
        expect(decide(key, right ? 'ins_a' : 'ins_b', new Date(now))).toBe(expected)
      },
    ),
    { numRuns: 3_000 },
  )
  expect([...seen].sort()).toEqual(Object.keys(promised).sort())
})

test('OR-12 the stored status is the promised one for each combination, inserted or updated, and verification agrees with it', async () => {
  const now = server.time.now
  const { organizationId, memberId } = company.members.ownA
  let number = 0
  for (const [combination, status] of Object.entries(promised)) {
    const [revoked, orphaned, expired] = combination.split(' ').map((word) => word === 'true')
    const facts = [revoked ? now : null, orphaned ? 'CREATOR_REMOVED' : null, expired ? now : null]
    const insert = async (inserted: unknown[]): Promise<string> => {
      const id = `key_${String(number++).padStart(26, '0')}`
      // Whatever status is given, the trigger's stands.
      await server.sql(
        `INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at, revoked_at, orphan_reason, expired_at, status)
         VALUES ($1, $2, $3, $4, $5, 'x', 'h', $6, $7, $8, $9::"OrphanReason", $10, 'ACTIVE') RETURNING 1`,
        ...[id, organizationId, company.appId, company.I1, memberId, new Date(0), new Date(now.getTime() + (expired ? 0 : 3_600_000)), ...inserted],
      )
      await server.sql("INSERT INTO key_digest (key_id, pepper_id, digest) VALUES ($1, 'x', $2) RETURNING 1", id, Buffer.alloc(32))
      return id
    }
    const inserted = await insert(facts)
    const updated = await insert([null, null, null])
    // The organization first, as every change does: the job that expires keys runs beside this.
    await server.sql(
      `WITH locked AS MATERIALIZED (SELECT id FROM organization WHERE id = $5 FOR UPDATE)
       UPDATE api_key SET revoked_at = $2, orphan_reason = $3::"OrphanReason", expired_at = $4, status = 'ACTIVE' FROM locked
       WHERE api_key.id = $1 AND organization_id = locked.id RETURNING 1`,
      ...[updated, ...facts, organizationId],
    )
    for (const id of [inserted, updated]) {
      const [row] = await server.sql<{ status: string }>('SELECT status::text FROM api_key WHERE id = $1', id)
      expect([combination, row?.status]).toEqual([combination, status])
      const record = (await verificationStore(server.app.database).records([id]))[0] ?? null
      expect([combination, record && decide(record, company.I1, now)]).toEqual([combination, status === 'ACTIVE' ? 'VALID' : status])
    }
  }
  expect(number).toBe(16)
})
