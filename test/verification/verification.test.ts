import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatKey, parseKey } from '../../src/crypto/key-format.ts'
import { newId } from '../../src/ids.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { type Company, createCompany, type TestKey } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let company: Company
let K1: TestKey

beforeAll(async () => {
  // What is written by hand here is in force at once.
  server = await startServer({ VERIFY_REUSE_MS: '0' })
  company = await createCompany(server)
  K1 = await company.createKey('devA', company.I1)
})
afterAll(() => server.close())

const ask = (body: unknown, headers: Record<string, string> = {}, at = server): Promise<Response> =>
  fetch(`${at.url}/v1/verify`, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) })
const lookups = async (body: unknown): Promise<number> => {
  server.statements.length = 0
  await ask(body, { 'cache-control': 'no-cache' })
  return server.statements.filter((sql) => sql.includes('key_digest')).length
}

test('VF-01 a valid key answers who and where it is, and no digest', async () => {
  const { I1, appId, members } = company
  const answer = (await (await ask({ key: K1.plaintext, instanceId: I1 })).json()) as { expiresAt: string }
  expect(answer).toEqual({
    valid: true,
    code: 'VALID',
    keyId: K1.id,
    name: 'key',
    appId,
    instanceId: I1,
    organizationId: members.devA.organizationId,
    createdBy: members.devA.memberId,
    expiresAt: expect.any(String),
  })
  expect(Date.parse(answer.expiresAt)).toBe(server.time.now.getTime() + 30 * 86_400_000)
})

test('VF-02 a key opens only its own instance, not another of its app, nor of another organization', async () => {
  for (const instanceId of [company.I2, company.J1, newId('ins')])
    expect(await server.verify(K1.plaintext, instanceId)).toEqual({ valid: false, code: 'WRONG_INSTANCE' })
})

test('TN-11 keys of two organizations, asked for in turn, answer each for its own', async () => {
  const foreign = await company.createKey('devB', company.J1)
  for (const [key, instanceId, organizationId] of [
    [K1, company.I1, company.members.devA.organizationId],
    [foreign, company.J1, company.members.devB.organizationId],
    [K1, company.I1, company.members.devA.organizationId],
  ] as const) {
    expect(await server.verify(key.plaintext, instanceId)).toMatchObject({ valid: true, keyId: key.id, organizationId })
  }
})

test('VF-03 a question without an instance is 400, never "any"', async () => {
  const key = K1.plaintext
  for (const body of [
    { key },
    { key, instanceId: null },
    { key, instanceId: '' },
    { key, instanceId: '*' },
    { key, instanceId: [company.I1] },
    { instanceId: company.I1 },
    '',
    'null',
    '{',
    [],
  ]) {
    expect((await ask(body)).status, JSON.stringify(body)).toBe(400)
  }
  expect((await ask('x'.repeat(5_000))).status).toBe(413)
  expect((await fetch(`${server.url}/v1/verify`)).status).toBe(405)
})

test('VF-14 a valid key with any one edit is invalid', async () => {
  const { I1 } = company
  const character = fc.constantFrom(...'0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_ \n')
  const edit = fc.tuple(fc.nat(K1.plaintext.length - 1), character, fc.constantFrom('replace', 'insert', 'delete', 'swap'))
  await fc.assert(
    fc.asyncProperty(edit, async ([at, other, how]) => {
      const text = K1.plaintext
      const edited =
        how === 'swap'
          ? text.slice(0, at) + (text[at + 1] ?? '') + text[at] + text.slice(at + 2)
          : text.slice(0, at) + (how === 'delete' ? '' : other) + text.slice(how === 'insert' ? at : at + 1)
      fc.pre(edited !== text)
      expect((await server.verify(edited, I1)).valid).toBe(false)
    }),
    { numRuns: 300 },
  )
})

test('KS-10 a wrong checksum is refused without asking the database', async () => {
  const last = K1.plaintext.at(-1) === 'A' ? 'B' : 'A'
  expect(await lookups({ key: K1.plaintext, instanceId: company.I1 })).toBe(1)
  expect(await lookups({ key: K1.plaintext.slice(0, -1) + last, instanceId: company.I1 })).toBe(0)
  expect(await lookups({ key: `${K1.plaintext} `, instanceId: company.I1 })).toBe(0)
  expect(await server.verify(` ${K1.plaintext}`, company.I1)).toEqual({ valid: false, code: 'MALFORMED' })
})

test('VF-18 the state is told only to who holds the whole secret', async () => {
  const { id, plaintext } = await company.createKey('devA', company.I1)
  const forged = formatKey(id, new Uint8Array(32).fill(9)).expose()
  expect(await server.verify(forged, company.I1)).toEqual({ valid: false, code: 'NOT_FOUND' })
  await revokeApiKeys(server.app.ports, company.members.devA, { ids: [id], acknowledged: true })
  expect(await server.verify(forged, company.I1)).toEqual({ valid: false, code: 'NOT_FOUND' })
  expect(await server.verify(forged, company.I2)).toEqual({ valid: false, code: 'NOT_FOUND' })
  expect(await server.verify(plaintext, company.I1)).toEqual({ valid: false, code: 'REVOKED' })
  expect(await server.verify(plaintext, company.I2)).toEqual({ valid: false, code: 'WRONG_INSTANCE' })
  expect(await server.verify(formatKey(newId('key'), new Uint8Array(32)).expose(), company.I1)).toEqual({ valid: false, code: 'NOT_FOUND' })
})

test('VF-09 a key that was unknown a moment ago verifies as soon as it exists', async () => {
  const { plaintext, id } = await company.createKey('devA', company.I1)
  const row = await server.sql<{ digest: Uint8Array; pepper_id: string }>('DELETE FROM key_digest WHERE key_id = $1 RETURNING digest, pepper_id', id)
  expect(await server.verify(plaintext, company.I1)).toEqual({ valid: false, code: 'NOT_FOUND' })
  await server.sql('INSERT INTO key_digest (key_id, pepper_id, digest) VALUES ($1, $2, $3) RETURNING 1', id, row[0]?.pepper_id, row[0]?.digest)
  expect(await server.verify(plaintext, company.I1)).toMatchObject({ valid: true })
})

test('VF-10 a key is valid to the last millisecond before its end', async () => {
  const { plaintext } = await company.createKey('devA', company.I1, 'short', 1)
  const start = server.time.now.getTime()
  const codes: string[] = []
  for (const at of [-1, 0, 1]) {
    server.time.now = new Date(start + 86_400_000 + at)
    codes.push((await server.verify(plaintext, company.I1)).code)
  }
  server.time.now = new Date(start)
  expect(codes).toEqual(['VALID', 'EXPIRED', 'EXPIRED'])
})

test('VF-16 with a gateway token set, a question without the right one is 401 and nothing is looked up', async () => {
  const token = 'a token of the gateways'
  const guarded = await startServer({ GATEWAY_TOKEN: token })
  const its = await createCompany(guarded)
  const key = await its.createKey('devA', its.I1)
  guarded.statements.length = 0
  const body = { key: key.plaintext, instanceId: its.I1 }
  for (const sent of [{}, { 'x-aura-gateway-token': '' }, { 'x-aura-gateway-token': `${token}x` }, { authorization: `Bearer ${token}` }]) {
    expect((await ask(body, sent as Record<string, string>, guarded)).status).toBe(401)
  }
  expect(guarded.statements.filter((sql) => sql.includes('key_digest'))).toEqual([])
  expect((await ask(body, { 'x-aura-gateway-token': token }, guarded)).status).toBe(200)
  await guarded.close()
})

test('VF-19 when the database fails the answer is 503 with Retry-After, is not remembered, and repeats nothing of the key', async () => {
  const run = (sql: string) => server.app.database.client.$executeRawUnsafe(sql)
  await run('ALTER TABLE key_digest RENAME TO key_digest_gone')
  const answer = await ask({ key: K1.plaintext, instanceId: company.I1 }, { 'cache-control': 'no-cache' })
  await run('ALTER TABLE key_digest_gone RENAME TO key_digest')
  expect(answer.status).toBe(503)
  expect(answer.headers.get('retry-after')).toBe('1')
  expect(await answer.text()).not.toContain('valid')
  expect(JSON.stringify(server.log)).not.toContain(parseKey(K1.plaintext)?.plaintext.expose())
  expect((await server.verify(K1.plaintext, company.I1)).valid).toBe(true)
})

test('OR-01 deleting an instance orphans its keys in the same moment, with consecutive versions', async () => {
  const { ports } = server.app
  const { ownA } = company.members
  const { instanceId } = await createAppInstance(ports, ownA, { appId: company.appId, name: 'doomed' })
  const keys = await Promise.all([1, 2, 3].map(() => company.createKey('ownA', instanceId)))
  const answer = await deleteAppInstance(ports, ownA, { id: instanceId, acknowledged: true })
  expect(answer.orphanedKeys).toBe(3)
  for (const key of keys) expect(await server.verify(key.plaintext, instanceId)).toEqual({ valid: false, code: 'ORPHANED' })
  const events = await server.sql<{ kind: string; version: bigint; key: string | null }>(
    "SELECT kind::text, version, api_key_id AS key FROM event WHERE instance_id = $1 AND kind IN ('INSTANCE_DELETED', 'API_KEY_ORPHANED') ORDER BY version",
    instanceId,
  )
  expect(events.map((event) => event.kind)).toEqual(['INSTANCE_DELETED', 'API_KEY_ORPHANED', 'API_KEY_ORPHANED', 'API_KEY_ORPHANED'])
  expect(events.map((event) => event.version - (events[0]?.version ?? 0n))).toEqual([0n, 1n, 2n, 3n])
  expect(events.slice(1).map((event) => event.key)).toEqual(keys.map((key) => key.id).sort())
})

test('OR-13 verification looks at the owners themselves, not only at what was copied to the key', async () => {
  const { plaintext } = await company.createKey('dev2A', company.I1)
  const remove = (at: string) => server.sql(`UPDATE member SET removed_at = ${at} WHERE id = $1 RETURNING 1`, company.members.dev2A.memberId)
  await remove('now()')
  expect(await server.verify(plaintext, company.I1)).toEqual({ valid: false, code: 'ORPHANED' })
  await remove('NULL')
  const status = (state: string, at: string) =>
    server.sql(`UPDATE app_instance SET status = '${state}', deleted_at = ${at} WHERE id = $1 RETURNING 1`, company.I1)
  await status('DELETED', 'now()')
  expect(await server.verify(plaintext, company.I1)).toEqual({ valid: false, code: 'ORPHANED' })
  await status('ACTIVE', 'NULL')
  expect((await server.verify(plaintext, company.I1)).valid).toBe(true)
})
