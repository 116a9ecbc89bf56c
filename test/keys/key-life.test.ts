import { expect, test } from 'vitest'
import { CreateApiKeyDocument, DeleteAppInstanceDocument, RevokeApiKeyDocument } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { codesOf, dataOf } from '../support/server.ts'

const { server, company } = await companyOfFile()

const create = async (by: Parameters<typeof as>[0], name = 'ci') => {
  const answer = await server.graphql(CreateApiKeyDocument, { input: { instanceId: company.I1, name, expiresInDays: 30 } }, as(by))
  const { apiKey, plaintext } = dataOf(answer).createApiKey ?? {}
  if (!apiKey || !plaintext) throw new Error('no key')
  return { ...apiKey, plaintext }
}

test('a new key verifies for its instance and for no other', async () => {
  const key = await create('devA')
  expect(await server.verify(key.plaintext, company.I1)).toMatchObject({ valid: true, code: 'VALID', keyId: key.id })
  expect(await server.verify(key.plaintext, company.I2)).toEqual({ valid: false, code: 'WRONG_INSTANCE' })
  expect(await server.verify(key.plaintext, company.J1)).toEqual({ valid: false, code: 'WRONG_INSTANCE' })
})

test('a revoked key stops verifying at once, and revoking again answers the same', async () => {
  const key = await create('devA')
  const first = dataOf(await server.graphql(RevokeApiKeyDocument, { input: { id: key.id, acknowledged: true } }, as('devA'))).revokeApiKey
  expect(first?.apiKey).toMatchObject({ status: 'REVOKED', revokedBy: { id: company.members.devA.memberId } })
  expect(await server.verify(key.plaintext, company.I1)).toEqual({ valid: false, code: 'REVOKED' })
  server.time.now = new Date(server.time.now.getTime() + 1_000)
  const again = dataOf(await server.graphql(RevokeApiKeyDocument, { input: { id: key.id, acknowledged: true } }, as('ownA'))).revokeApiKey
  expect(again?.apiKey.revokedAt).toBe(first?.apiKey.revokedAt)
  expect(await server.sql("SELECT 1 FROM event WHERE api_key_id = $1 AND kind = 'API_KEY_REVOKED'", key.id)).toHaveLength(1)
})

test('a revocation that was not acknowledged changes nothing', async () => {
  const key = await create('devA')
  const answer = await server.graphql(RevokeApiKeyDocument, { input: { id: key.id, acknowledged: false } }, as('devA'))
  expect(codesOf(answer)).toEqual(['BAD_USER_INPUT'])
  expect(answer.errors?.[0]?.extensions.field).toBe('acknowledged')
  expect(await server.verify(key.plaintext, company.I1)).toMatchObject({ valid: true })
})

test('a key expires at the very millisecond, and the sweeper tells it once', async () => {
  const key = await create('devA', 'short')
  const end = Date.parse(key.expiresAt)
  const verifyAt = async (ms: number) => {
    server.time.now = new Date(ms)
    return (await server.verify(key.plaintext, company.I1)).code
  }
  expect([await verifyAt(end - 1), await verifyAt(end), await verifyAt(end + 1)]).toEqual(['VALID', 'EXPIRED', 'EXPIRED'])
  await server.app.sweep()
  await server.app.sweep()
  expect(await server.sql("SELECT 1 FROM event WHERE api_key_id = $1 AND kind = 'API_KEY_EXPIRED'", key.id)).toHaveLength(1)
})

test('deleting an instance orphans its keys in the same change, each with its event', async () => {
  const keys = [await create('devA'), await create('dev2A'), await create('ownA')]
  const answer = dataOf(await server.graphql(DeleteAppInstanceDocument, { input: { id: company.I1, acknowledged: true } }, as('devA'))).deleteAppInstance
  expect(answer?.instance.status).toBe('DELETED')
  expect(answer?.orphanedKeys).toBeGreaterThanOrEqual(keys.length)
  for (const key of keys) expect(await server.verify(key.plaintext, company.I1)).toEqual({ valid: false, code: 'ORPHANED' })
  const events = await server.sql<{ kind: string; version: bigint }>(
    "SELECT kind::text, version FROM event WHERE instance_id = $1 AND kind IN ('INSTANCE_DELETED', 'API_KEY_ORPHANED') ORDER BY version",
    company.I1,
  )
  expect(events.map((event) => event.kind)).toEqual(['INSTANCE_DELETED', ...Array(answer?.orphanedKeys).fill('API_KEY_ORPHANED')])
  expect(events.every((event, index) => index === 0 || event.version === (events[index - 1]?.version ?? 0n) + 1n)).toBe(true)
})
