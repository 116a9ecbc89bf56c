import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { pepperOf } from '../../src/crypto/digest.ts'
import { createSeals } from '../../src/crypto/seal.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revealSecret } from '../../src/secrets/reveal-secret.ts'
import { type Company, createCompany } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'

const onPostgres = process.env['TEST_STORE'] === 'postgresql'
const text = (byte: number): string => Buffer.alloc(32, byte).toString('base64')
const kekId = (byte: number): string => createSeals([new Uint8Array(32).fill(byte)]).kekIds[0] ?? ''

let old: TestServer
let company: Company

beforeAll(async () => {
  old = await startServer({ KEY_PEPPER: text(7), SECRETS_KEK: text(8) })
  company = await createCompany(old)
})
afterAll(() => old.close())

test('new secrets are written with only once every serving node knows them', async () => {
  const { devA } = company.members
  let made = 0
  const writtenWith = async (at: TestServer) => {
    const name = `n${made++}`
    const { keyId } = await createApiKey(at.app.ports, devA, { instanceId: company.I1, name, expiresInDays: 1, saveAsSecret: { name } })
    const [row] = await at.sql<{ kek: string; pepper: string; id: string }>(
      'SELECT s.kek_id AS kek, d.pepper_id AS pepper, s.id FROM secret s JOIN key_digest d ON d.key_id = s.api_key_id WHERE s.api_key_id = $1',
      keyId,
    )
    return { kek: row?.kek, pepper: row?.pepper, secretId: row?.id ?? '' }
  }
  const before = { kek: kekId(8), pepper: pepperOf(new Uint8Array(32).fill(7)).id }
  expect(await writtenWith(old)).toMatchObject(before)
  // The embedded database has one node, which nobody has to wait for.
  if (!onPostgres) return
  const rolled = { KEY_PEPPER: `${text(17)},${text(7)}`, SECRETS_KEK: `${text(18)},${text(8)}` }
  const fresh = await old.node(rolled)
  const { secretId, ...during } = await writtenWith(fresh)
  expect(during).toEqual(before)
  // The old node reads what its new neighbour wrote, and could start again beside it.
  const value = (await revealSecret(old.app.ports, devA, { id: secretId })).value.expose()
  expect((await old.verify(value, company.I1)).valid).toBe(true)
  await (await old.node()).close()
  await old.app.close()
  const after = { kek: kekId(18), pepper: pepperOf(new Uint8Array(32).fill(17)).id }
  await vi.waitFor(async () => expect(await writtenWith(fresh)).toMatchObject(after), { timeout: 10_000, interval: 300 })
  expect((await fresh.verify(value, company.I1)).valid).toBe(true)
  await fresh.app.tidy()
  expect(await fresh.sql('SELECT DISTINCT kek_id FROM secret')).toEqual([{ kek_id: after.kek }])
  expect((await revealSecret(fresh.app.ports, devA, { id: secretId })).value.expose()).toBe(value)
  // From now on a node without the new secrets is refused.
  await expect(old.node()).rejects.toThrow(/KEY_PEPPER|SECRETS_KEK/)
  await fresh.close()
})
