import { describe, expect, test } from 'vitest'
import { createApp } from '../../src/apps/create-app.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKey } from '../../src/keys/revoke-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { setMemberRole } from '../../src/members/set-member-role.ts'
import { deleteSecret } from '../../src/secrets/delete-secret.ts'
import { revealSecret } from '../../src/secrets/reveal-secret.ts'
import { saveApiKeyAsSecret } from '../../src/secrets/save-api-key-as-secret.ts'
import { schema } from '../access/table.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()

let made = 0
const unique = (): string => `m${made++}`
const owner = () => company.members.ownA
const ports = () => server.app.ports
const newInstance = async (): Promise<string> => (await createAppInstance(ports(), owner(), { appId: company.appId, name: unique() })).instanceId
const newMember = async (): Promise<string> => (await addMember(ports(), owner(), { subject: unique(), name: 'm', role: 'AURA_OWNER' })).memberId
const newKey = (instanceId = company.I1) => createApiKey(ports(), owner(), { instanceId, name: unique(), expiresInDays: 9 })
const newSecret = async (): Promise<string> =>
  (await createApiKey(ports(), owner(), { instanceId: company.I1, name: 'k', expiresInDays: 9, saveAsSecret: { name: unique() } })).secretId ?? ''

const marks = async (): Promise<Record<string, string>> => {
  const rows = await server.sql<{ id: string; mark: string }>('SELECT id, denial_mark::text AS mark FROM organization')
  return Object.fromEntries(rows.map(({ id, mark }) => [id, mark]))
}
/** Which organizations' marks a change moved, and whether the process moved its own. */
async function movedBy(act: () => Promise<unknown>): Promise<{ a: boolean; others: boolean; own: boolean | undefined }> {
  const before = await marks()
  const own = server.app.ownMark?.current
  await act()
  // Before raw SQL of the test moves it.
  const moved = own === undefined ? undefined : server.app.ownMark?.current !== own
  const after = await marks()
  const { organizationId } = owner()
  const others = Object.keys(before).filter((id) => id !== organizationId)
  return { a: before[organizationId] !== after[organizationId], others: others.some((id) => before[id] !== after[id]), own: moved }
}

/** Each mutation with what it needs: it makes that, and answers what to do. `moves`: whether an ACTIVE key stops by it. */
const mutations: Record<string, { moves: boolean; ready: () => Promise<() => Promise<unknown>> }> = {
  createApp: { moves: false, ready: async () => () => createApp(ports(), owner(), { slug: unique(), name: 'x' }) },
  createAppInstance: { moves: false, ready: async () => () => newInstance() },
  createApiKey: { moves: false, ready: async () => () => newKey() },
  addMember: { moves: false, ready: async () => () => newMember() },
  setMemberRole: {
    moves: false,
    ready: async () => {
      const id = await newMember()
      return () => setMemberRole(ports(), owner(), { id, role: 'MEMBER' })
    },
  },
  setInstanceAccess: {
    moves: false,
    ready: async () => {
      const instanceId = await newInstance()
      return () => setInstanceAccess(ports(), owner(), { instanceId, memberId: company.members.viewA.memberId, role: 'USER' })
    },
  },
  saveApiKeyAsSecret: {
    moves: false,
    ready: async () => {
      const { saveToken } = await newKey()
      return () => saveApiKeyAsSecret(ports(), owner(), { saveToken: saveToken ?? '', name: unique() })
    },
  },
  revealSecret: {
    moves: false,
    ready: async () => {
      const id = await newSecret()
      return () => revealSecret(ports(), owner(), { id })
    },
  },
  deleteSecret: {
    moves: false,
    ready: async () => {
      const id = await newSecret()
      return () => deleteSecret(ports(), owner(), { id })
    },
  },
  revokeApiKey: {
    moves: true,
    ready: async () => {
      const { keyId } = await newKey()
      return () => revokeApiKey(ports(), owner(), { id: keyId, acknowledged: true })
    },
  },
  revokeApiKeys: {
    moves: true,
    ready: async () => {
      const { keyId } = await newKey()
      return () => revokeApiKeys(ports(), owner(), { ids: [keyId], acknowledged: true })
    },
  },
  deleteAppInstance: {
    moves: true,
    ready: async () => {
      const id = await newInstance()
      await newKey(id)
      return () => deleteAppInstance(ports(), owner(), { id, acknowledged: true })
    },
  },
  removeMember: {
    moves: true,
    ready: async () => {
      const id = await newMember()
      return () => removeMember(ports(), owner(), { id, acknowledged: true })
    },
  },
}

test('the mark of an organization is looked at for every mutation of the schema', () => {
  expect(Object.keys(mutations).sort()).toEqual(Object.keys(schema.getMutationType()?.getFields() ?? {}).sort())
})

describe('the mark moves with every denial, in its organization alone, and with nothing else:', () => {
  for (const [name, { moves, ready }] of Object.entries(mutations)) {
    test(`${name} ${moves ? 'moves it' : 'leaves it'}`, async () => {
      const act = await ready()
      const own = server.app.ownMark ? moves : undefined
      expect(await movedBy(act)).toEqual({ a: moves, others: false, own })
    })
  }

  test('a repetition of a denial leaves that of the database, and moves that of the process before it is answered', async () => {
    const { keyId } = await newKey()
    const revoke = () => revokeApiKey(ports(), owner(), { id: keyId, acknowledged: true })
    await revoke()
    expect(await movedBy(revoke)).toEqual({ a: false, others: false, own: server.app.ownMark ? true : undefined })
  })

  test('expiry leaves it, by the sweeper and by the clock, and a last use does', async () => {
    const { keyId } = await createApiKey(ports(), owner(), { instanceId: company.I1, name: 'short', expiresInDays: 1 })
    await server.sql("UPDATE api_key SET created_at = now() - interval '2 days', expires_at = now() - interval '1 hour' WHERE id = $1 RETURNING 1", keyId)
    expect((await movedBy(() => server.app.sweep())).a).toBe(false)
    expect(await server.sql('SELECT status::text FROM api_key WHERE id = $1', keyId)).toEqual([{ status: 'EXPIRED' }])
    const { keyId: used } = await newKey()
    expect(await movedBy(() => ports().keys.recordUses([{ keyId: used, usedAt: server.time.now }]))).toMatchObject({ a: false, others: false })
  })

  const byHand: readonly [what: string, sql: string, moves: boolean][] = [
    ['revokes', 'UPDATE api_key SET revoked_at = now(), revoked_by_id = created_by_id WHERE id = $1', true],
    ['makes an orphan', `UPDATE api_key SET orphan_reason = 'CREATOR_REMOVED' WHERE id = $1`, true],
    ['ends it sooner', `UPDATE api_key SET expires_at = expires_at - interval '1 day' WHERE id = $1`, true],
    ['ends it before its time', 'UPDATE api_key SET expired_at = now() WHERE id = $1', true],
    ['renames it', `UPDATE api_key SET name = 'other' WHERE id = $1`, false],
    ['ends it later', `UPDATE api_key SET expires_at = expires_at + interval '1 day' WHERE id = $1`, false],
  ]
  for (const [what, sql, moves] of byHand) {
    test(`SQL written by hand that ${what}: ${moves ? 'moves it' : 'leaves it'}`, async () => {
      const { keyId } = await newKey()
      expect((await movedBy(() => server.sql(`${sql} RETURNING 1`, keyId))).a).toBe(moves)
      // Of a key that is no longer ACTIVE nothing is left to deny.
      if (moves) expect((await movedBy(() => server.sql(`UPDATE api_key SET name = 'again' WHERE id = $1 RETURNING 1`, keyId))).a).toBe(false)
    })
  }

  test('SQL written by hand that deletes an instance or removes a member moves it', async () => {
    const [instanceId, memberId] = [await newInstance(), await newMember()]
    const remove = () => server.sql(`UPDATE app_instance SET status = 'DELETED', deleted_at = now() WHERE id = $1 RETURNING 1`, instanceId)
    expect((await movedBy(remove)).a).toBe(true)
    expect((await movedBy(() => server.sql('UPDATE member SET removed_at = now() WHERE id = $1 RETURNING 1', memberId))).a).toBe(true)
    expect((await movedBy(() => server.sql("UPDATE member SET name = 'x' WHERE id = $1 RETURNING 1", memberId))).a).toBe(false)
  })

  test('one statement that denies many keys moves each of their marks once, and rolled back it moves none', async () => {
    const before = await marks()
    await expect(
      server.app.database.client.$transaction(async (statements) => {
        await statements.$executeRawUnsafe('UPDATE api_key SET revoked_at = now(), revoked_by_id = created_by_id WHERE revoked_at IS NULL')
        throw new Error('undone')
      }),
    ).rejects.toThrow('undone')
    expect(await marks()).toEqual(before)
  })
})
