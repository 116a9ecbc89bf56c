import { expect, test } from 'vitest'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { CreateApiKeyDocument } from '../generated/operations.ts'
import { as, type Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { codesOf, dataOf } from '../support/server.ts'

const { server, company } = await companyOfFile()

const create = (input: object, by: Person = 'devA') =>
  server.graphql(CreateApiKeyDocument, { input: { instanceId: company.I1, name: 'once', expiresInDays: 3, ...input } }, as(by))
const made = async (input: object, by?: Person) => dataOf(await create(input, by)).createApiKey
const countOf = async (name: string) => (await server.sql('SELECT 1 FROM api_key WHERE name = $1', name)).length

test('fifty identical creates at once make one key and show it once', async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, () => made({ name: 'fifty', idempotencyKey: 'fifty' })))
  expect(new Set(answers.map((answer) => answer?.apiKey.id)).size).toBe(1)
  expect(answers.filter((answer) => answer?.plaintext !== null)).toHaveLength(1)
  expect(answers.filter((answer) => answer?.saveToken !== null)).toHaveLength(1)
  expect(await countOf('fifty')).toBe(1)
})

test('KS-08 a lost answer: repeating the call answers the key without its plaintext', async () => {
  const first = await made({ idempotencyKey: 'lost' })
  const again = await made({ idempotencyKey: 'lost' })
  expect(again).toMatchObject({ apiKey: { id: first?.apiKey.id }, plaintext: null, saveToken: null, secret: null })
  const saved = await made({ name: 'saved', idempotencyKey: 'lost-saved', saveAsSecret: { name: 'lost_saved' } })
  expect(await made({ name: 'saved', idempotencyKey: 'lost-saved', saveAsSecret: { name: 'lost_saved' } })).toMatchObject({ secret: { id: saved?.secret?.id } })
})

test('the same key with another input is a conflict, whatever differs', async () => {
  await made({ idempotencyKey: 'same' })
  for (const other of [
    { name: 'once ' },
    { expiresInDays: 4 },
    { instanceId: company.I1, saveAsSecret: { name: 'x' } },
    { expiresInDays: null, expiresAt: '2026-12-01T00:00:00Z' },
  ]) {
    expect((await create({ ...other, idempotencyKey: 'same' })).errors?.[0]?.extensions).toEqual({ code: 'CONFLICT', field: 'idempotencyKey' })
  }
})

test('another member has their own keys, and a failed call leaves the key free', async () => {
  const [mine, theirs] = [await made({ idempotencyKey: 'shared' }), await made({ idempotencyKey: 'shared' }, 'dev2A')]
  expect(mine?.apiKey.id).not.toBe(theirs?.apiKey.id)
  expect(codesOf(await create({ instanceId: company.I2, idempotencyKey: 'free' }))).toEqual(['NOT_FOUND'])
  expect((await made({ idempotencyKey: 'free' }))?.plaintext).toMatch(/^aura_/)
})

test('it is remembered for 24 hours, and then free for another input too', async () => {
  const start = server.time.now
  const first = await made({ idempotencyKey: 'day' })
  server.time.now = new Date(start.getTime() + 24 * 3_600_000 - 1)
  expect((await made({ idempotencyKey: 'day' }))?.apiKey.id).toBe(first?.apiKey.id)
  server.time.now = new Date(start.getTime() + 24 * 3_600_000)
  const second = await made({ idempotencyKey: 'day', name: 'another day' })
  expect(second?.apiKey).toMatchObject({ name: 'another day', status: 'ACTIVE' })
  expect(second?.plaintext).toMatch(/^aura_/)
  expect(second?.apiKey.id).not.toBe(first?.apiKey.id)
  // The new day begins with the new key: it is that one's input which counts now.
  expect((await made({ idempotencyKey: 'day', name: 'another day' }))?.apiKey.id).toBe(second?.apiKey.id)
  expect(codesOf(await create({ idempotencyKey: 'day' }))).toEqual(['CONFLICT'])
  server.time.now = new Date(start.getTime() + 49 * 3_600_000)
  await server.app.tidy()
  expect(await server.sql('SELECT 1 FROM idempotent_create')).toEqual([])
  server.time.now = start
})

test('a repetition answers the key as it is by now, revoked, expired or orphaned, and brings nothing back', async () => {
  const start = server.time.now
  const { ports } = server.app
  const { ownA } = company.members
  const { instanceId } = await createAppInstance(ports, ownA, { appId: company.appId, name: 'doomed' })
  const inputs = {
    REVOKED: { name: 'revoked', idempotencyKey: 'revoked' },
    EXPIRED: { name: 'expired', idempotencyKey: 'expired', expiresInDays: null, expiresAt: new Date(start.getTime() + 3_600_000).toISOString() },
    ORPHANED: { name: 'orphaned', idempotencyKey: 'orphaned', instanceId },
  }
  const first = { REVOKED: await made(inputs.REVOKED, 'ownA'), EXPIRED: await made(inputs.EXPIRED, 'ownA'), ORPHANED: await made(inputs.ORPHANED, 'ownA') }
  await revokeApiKeys(ports, ownA, { ids: [first.REVOKED?.apiKey.id ?? ''], acknowledged: true })
  await deleteAppInstance(ports, ownA, { id: instanceId, acknowledged: true })
  server.time.now = new Date(start.getTime() + 3_600_000)
  await server.app.sweep()
  const rows = () => server.sql('SELECT (SELECT count(*) FROM api_key) AS keys, (SELECT count(*) FROM event) AS events')
  const before = await rows()
  for (const status of ['REVOKED', 'EXPIRED', 'ORPHANED'] as const) {
    const again = await made(inputs[status], 'ownA')
    expect(again).toMatchObject({ apiKey: { id: first[status]?.apiKey.id, status }, plaintext: null, saveToken: null, secret: null })
    expect((await server.verify(first[status]?.plaintext ?? '', first[status]?.apiKey.instance.id ?? '')).code).toBe(status)
  }
  expect(await rows()).toEqual(before)
  server.time.now = start
})

test('what is no idempotency key is refused by name', async () => {
  for (const idempotencyKey of ['', 'x'.repeat(129), 'ä', 'a\nb']) {
    expect((await create({ idempotencyKey })).errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', field: 'idempotencyKey' })
  }
})
