import { expect, test, vi } from 'vitest'
import type { AuraError } from '../../src/errors.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { setMemberRole } from '../../src/members/set-member-role.ts'
import { ApiKeyDocument, ApiKeysDocument, RevealSecretDocument, RevokeApiKeyDocument, SecretsDocument } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { recount } from '../support/recount.ts'
import { codesOf, dataOf, waitingForLocks } from '../support/server.ts'

const { server, company } = await companyOfFile()

const asNew = (subject: string) => ({ subject, organization: 'a' })
async function join(subject: string, role: 'MEMBER' | 'OWNER' | 'AURA_OWNER' = 'MEMBER') {
  const { ports } = server.app
  const { ownA } = company.members
  const { memberId } = await addMember(ports, ownA, { subject, name: subject, role })
  await setInstanceAccess(ports, ownA, { instanceId: company.I1, memberId, role: 'USER' })
  return { ...ownA, subject, memberId, role }
}
const make = (actor: Awaited<ReturnType<typeof join>>, name: string, days: number, secret?: string) =>
  createApiKey(server.app.ports, actor, { instanceId: company.I1, name, expiresInDays: days, ...(secret ? { saveAsSecret: { name: secret } } : {}) })
const remove = (id: string) => removeMember(server.app.ports, company.members.ownA, { id, acknowledged: true })

test('why a key may not be revoked is told beforehand: revoked already, not their own, an orphan', async () => {
  const leaver = await join('leaver-1')
  const orphan = (await make(leaver, 'orphan', 9)).keyId
  await remove(leaver.memberId)
  const revoked = (await company.createKey('devA', company.I1)).id
  await revokeApiKeys(server.app.ports, company.members.ownA, { ids: [revoked], acknowledged: true })
  const keys = { active: (await company.createKey('devA', company.I1)).id, own: (await company.createKey('dev2A', company.I1)).id, revoked, orphan }
  const table = {
    ownA: { active: null, own: null, revoked: 'ALREADY_REVOKED', orphan: null },
    auraA: { active: null, own: null, revoked: 'ALREADY_REVOKED', orphan: null },
    devA: { active: null, own: null, revoked: 'ALREADY_REVOKED', orphan: 'ORPHAN_NEEDS_OWNER' },
    dev2A: { active: 'NOT_YOUR_KEY', own: null, revoked: 'ALREADY_REVOKED', orphan: 'ORPHAN_NEEDS_OWNER' },
  } as const
  for (const [person, refusals] of Object.entries(table) as [keyof typeof table, Record<keyof typeof keys, string | null>][]) {
    for (const [which, refusal] of Object.entries(refusals) as [keyof typeof keys, string | null][]) {
      const { apiKey } = dataOf(await server.graphql(ApiKeyDocument, { id: keys[which] }, as(person)))
      expect([person, which, apiKey?.revokeRefusal, apiKey?.viewerCanRevoke]).toEqual([person, which, refusal, refusal === null])
      // Revoking again is no refusal but the same answer.
      if (refusal === null || refusal === 'ALREADY_REVOKED') continue
      expect(codesOf(await server.graphql(RevokeApiKeyDocument, { input: { id: keys[which], acknowledged: true } }, as(person)))).toEqual(['FORBIDDEN'])
    }
    // A list says the same as the key by itself.
    const listed = dataOf(await server.graphql(ApiKeysDocument, { first: 100 }, as(person))).apiKeys.edges.map(({ node }) => node)
    for (const [which, id] of Object.entries(keys) as [keyof typeof keys, string][]) {
      expect(listed.find((key) => key.id === id)?.revokeRefusal).toBe(refusals[which])
    }
  }
  expect(dataOf(await server.graphql(ApiKeyDocument, { id: keys.active }, as('viewA'))).apiKey).toBeNull()
})

test('OR-02 a removal takes the keys that are active or expired, leaves the revoked ones alone, and touches nobody else', async () => {
  const leaver = await join('leaver-2')
  const active = (await make(leaver, 'active', 9)).keyId
  const expired = (await make(leaver, 'expired', 1)).keyId
  const revoked = (await make(leaver, 'revoked', 9)).keyId
  await revokeApiKeys(server.app.ports, company.members.ownA, { ids: [revoked], acknowledged: true })
  const others = (await company.createKey('devA', company.I1)).id
  const start = server.time.now
  server.time.now = new Date(start.getTime() + 2 * 86_400_000)
  await server.app.sweep()
  const states = async () =>
    Object.fromEntries(
      (
        await server.sql<{ id: string; status: string; reason: string | null; revoked: Date | null }>(
          'SELECT id, status::text, orphan_reason::text AS reason, revoked_at AS revoked FROM api_key WHERE id IN ($1, $2, $3, $4)',
          active,
          expired,
          revoked,
          others,
        )
      ).map(({ id, ...state }) => [id, state]),
    )
  const before = await states()
  expect(before).toMatchObject({ [active]: { status: 'ACTIVE' }, [expired]: { status: 'EXPIRED' }, [revoked]: { status: 'REVOKED', reason: null } })
  expect((await remove(leaver.memberId)).orphanedKeys).toBe(2)
  const orphan = { status: 'ORPHANED', reason: 'CREATOR_REMOVED', revoked: null }
  expect(await states()).toEqual({ [active]: orphan, [expired]: orphan, [revoked]: before[revoked], [others]: before[others] })
  const told = await server.sql<{ id: string }>(
    "SELECT api_key_id AS id FROM event WHERE kind = 'API_KEY_ORPHANED' AND api_key_id IN ($1, $2, $3)",
    active,
    expired,
    revoked,
  )
  expect(told.map(({ id }) => id).sort()).toEqual([active, expired].sort())
  expect(await recount(server)).toEqual([])
  server.time.now = start
})

test('somebody who comes back, even as OWNER elsewhere, finds neither their secrets nor their keys to be theirs', async () => {
  const before = await join('returner')
  const { keyId, secretId } = await make(before, 'kept', 9, 'kept_of_returner')
  expect(dataOf(await server.graphql(SecretsDocument, {}, asNew('returner'))).secrets.edges.map(({ node }) => node.id)).toEqual([secretId])
  await remove(before.memberId)
  const after = await join('returner')
  expect(after.memberId).not.toBe(before.memberId)
  const { ports } = server.app
  await setInstanceAccess(ports, company.members.ownA, { instanceId: company.I1, memberId: after.memberId, role: 'OWNER' })
  expect(dataOf(await server.graphql(SecretsDocument, {}, asNew('returner'))).secrets).toMatchObject({ totalCount: 0, edges: [] })
  expect(codesOf(await server.graphql(RevealSecretDocument, { input: { id: secretId ?? '' } }, asNew('returner')))).toEqual(['NOT_FOUND'])
  const mine = { createdById: after.memberId }
  expect(dataOf(await server.graphql(ApiKeysDocument, { filter: mine }, asNew('returner'))).apiKeys).toMatchObject({ totalCount: 0, edges: [] })
  expect(dataOf(await server.graphql(ApiKeyDocument, { id: keyId }, asNew('returner'))).apiKey).toMatchObject({
    status: 'ORPHANED',
    orphanReason: 'CREATOR_REMOVED',
    createdBy: { id: before.memberId },
    viewerCanRevoke: false,
  })
  // An organization's owner still has both.
  expect(dataOf(await server.graphql(SecretsDocument, { first: 100 }, as('ownA'))).secrets.edges.map(({ node }) => node.id)).toContain(secretId)
})

test('AZ-14 a create that waits behind the removal of its creator is UNAUTHENTICATED and makes nothing', async () => {
  const { ports } = server.app
  const { ownA } = company.members
  const leaver = await join('leaver-3')
  const state = () =>
    server.sql(
      'SELECT version, (SELECT count(*)::int FROM api_key) AS keys, (SELECT count(*)::int FROM secret) AS secrets FROM organization WHERE id = $1',
      ownA.organizationId,
    )
  const before = await state()
  let waiting: Promise<unknown>[] = []
  // Another node holds the lock: those of one node wait in the process.
  const other = await server.node()
  await other.app.ports.change(ownA.organizationId, async ({ members, now }) => {
    // They begin while the member is there and the lock is held, and can go on only after the commit.
    waiting = [
      make(leaver, 'late', 1),
      make(leaver, 'late', 1, 'late_secret'),
      setInstanceAccess(ports, { ...leaver, role: 'OWNER' }, { instanceId: company.I1, memberId: leaver.memberId, role: 'OWNER' }),
    ].map((each) => each.catch((error: unknown) => error))
    const queued = vi.waitFor(async () => {
      if (server.app.database.kind === 'pglite') return
      expect(await server.sql(waitingForLocks)).toHaveLength(1)
    }, 20_000)
    await Promise.race([Promise.all(waiting), queued])
    await members.markRemoved(leaver.memberId, now)
  })
  const refused = (await Promise.all(waiting)) as AuraError[]
  await other.close()
  expect(refused).toHaveLength(3)
  for (const error of refused) expect(error).toMatchObject({ extensions: { code: 'UNAUTHENTICATED' } })
  expect(await state()).toEqual(before)
})

test('the last OWNER can be neither demoted nor removed, by anybody, and the refusal names the field', async () => {
  const { ports } = server.app
  const { ownB, auraB } = company.members
  const facts = () => server.sql('SELECT role::text, removed_at FROM member WHERE id = $1', ownB.memberId)
  const before = await facts()
  const refused = { extensions: { code: 'CONFLICT', field: 'id' } }
  for (const role of ['AURA_OWNER', 'MEMBER'] as const) await expect(setMemberRole(ports, ownB, { id: ownB.memberId, role })).rejects.toMatchObject(refused)
  await expect(removeMember(ports, ownB, { id: ownB.memberId, acknowledged: true })).rejects.toMatchObject(refused)
  await expect(removeMember(ports, auraB, { id: ownB.memberId, acknowledged: true })).rejects.toMatchObject({ extensions: { code: 'FORBIDDEN' } })
  // Somebody who was removed, or is an Aura Owner, is no other OWNER.
  const { memberId } = await addMember(ports, ownB, { subject: 'second', name: 'second', role: 'OWNER' })
  await removeMember(ports, ownB, { id: memberId, acknowledged: true })
  await expect(setMemberRole(ports, ownB, { id: ownB.memberId, role: 'MEMBER' })).rejects.toMatchObject(refused)
  await expect(setMemberRole(ports, ownB, { id: memberId, role: 'MEMBER' })).rejects.toMatchObject(refused)
  expect(await facts()).toEqual(before)
  // Saying what holds already is no demotion.
  await setMemberRole(ports, ownB, { id: ownB.memberId, role: 'OWNER' })
  const { instanceId } = await createAppInstance(ports, ownB, { appId: company.otherAppId, name: 'still theirs' })
  expect(instanceId).toMatch(/^ins_/)
})
