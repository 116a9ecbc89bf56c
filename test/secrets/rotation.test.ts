import { expect, test } from 'vitest'
import { createSeals } from '../../src/crypto/seal.ts'
import { deleteSecret } from '../../src/secrets/delete-secret.ts'
import { placesOf } from '../../src/secrets/model.ts'
import { rewrapSecrets } from '../../src/secrets/rewrap-secrets.ts'
import { CreateApiKeyDocument, RevealSecretDocument } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { codesOf, dataOf } from '../support/server.ts'

const kek = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const [oldKek, newKek] = [kek(1), kek(2)]
const both = createSeals([newKek, oldKek])

const { server, company } = await companyOfFile({ SECRETS_KEK: Buffer.from(oldKek).toString('base64') })

const create = async (name: string): Promise<string> => {
  const input = { instanceId: company.I1, name: 'ci', expiresInDays: 3, saveAsSecret: { name } }
  return dataOf(await server.graphql(CreateApiKeyDocument, { input }, as('devA'))).createApiKey?.secret?.id ?? ''
}
const reveal = (id: string) => server.graphql(RevealSecretDocument, { input: { id } }, as('devA'))
const value = async (id: string) => dataOf(await reveal(id)).revealSecret?.value
interface Row {
  sealed: Uint8Array
  kek_id: string
}
const rowOf = async (id: string): Promise<Row> => (await server.sql<Row>('SELECT sealed, kek_id FROM secret WHERE id = $1', id))[0] as Row
const kinds = async (id: string) =>
  (await server.sql<{ kind: string }>('SELECT kind::text FROM event WHERE secret_id = $1 ORDER BY version', id)).map((event) => event.kind)

/** What rewraps under the new key, while the server goes on with the old one. */
const rotating = () => ({ ...server.app.ports, seals: both })

test('SR-05 a row that is put back as it was before a rotation opens while its key is configured, and not without', async () => {
  const id = await create('rotated_back')
  const shown = await value(id)
  const old = await rowOf(id)
  expect(await rewrapSecrets(rotating())).toBe(1)
  expect((await rowOf(id)).kek_id).toBe(both.kekIds[0])
  // This server does not know the new key.
  expect(codesOf(await reveal(id))).toEqual(['INTERNAL'])
  await server.sql('UPDATE secret SET sealed = $2, kek_id = $3 WHERE id = $1 RETURNING 1', id, old.sealed, old.kek_id)
  expect(await value(id)).toBe(shown)
  const { organizationId, memberId: createdById } = company.members.devA
  const places = placesOf({ organizationId, id, version: 1, createdById })
  expect(both.open(places, old.sealed)).toBe(shown)
  expect(createSeals([newKek]).open(places, old.sealed)).toBeNull()
})

test('SR-05 a deleted row that is put back opens again, as the README says; the audit log shows both', async () => {
  const id = await create('deleted_and_back')
  const shown = await value(id)
  await server.sql('CREATE TABLE kept AS SELECT * FROM secret WHERE id = $1', id)
  await deleteSecret(server.app.ports, company.members.devA, { id })
  expect(codesOf(await reveal(id))).toEqual(['NOT_FOUND'])
  await server.sql('INSERT INTO secret SELECT * FROM kept RETURNING 1')
  await server.app.database.client.$executeRawUnsafe('DROP TABLE kept')
  expect(await value(id)).toBe(shown)
  expect(await kinds(id)).toEqual(['API_KEY_SAVED_AS_SECRET', 'SECRET_REVEALED', 'SECRET_DELETED', 'SECRET_REVEALED'])
})

test('SR-06 a new key-encryption key takes over while secrets are read: every read opens, each row is replaced once, none names the old key', async () => {
  // More than one batch.
  const names = Array.from({ length: 130 }, (_, number) => `many_${number}`)
  for (const name of names) await create(name)
  const ids = (await server.sql<{ id: string }>('SELECT id FROM secret ORDER BY id')).map((row) => row.id)
  expect(ids.length).toBeGreaterThanOrEqual(130)
  const { ports } = server.app
  const scope = { ...company.members.ownA, all: true, kept: [] } as never
  let reads = 0
  let reading = true
  const read = async (): Promise<void> => {
    for (let at = 0; reading || at < ids.length; at++) {
      const row = await ports.secrets.sealed(scope, ids[at % ids.length] ?? '')
      const opened = row && both.open(placesOf(row), row.sealed)
      if (!opened?.startsWith('aura_')) throw new Error(`${row?.id} did not open`)
      reads++
    }
  }
  const rewrap = async (): Promise<number> => {
    let wrapped = 0
    for (let more = 1; more > 0; ) {
      more = await rewrapSecrets(rotating())
      wrapped += more
    }
    return wrapped
  }
  const reader = read()
  const wrapped = await Promise.all([rewrap(), rewrap()])
  reading = false
  await reader
  expect(reads).toBeGreaterThanOrEqual(ids.length)
  expect(wrapped[0] + wrapped[1]).toBe(ids.length)
  expect(await server.sql('SELECT DISTINCT kek_id FROM secret')).toEqual([{ kek_id: both.kekIds[0] }])
  expect(await rewrapSecrets(rotating())).toBe(0)
  const alone = createSeals([newKek])
  for (const id of ids) {
    const row = await ports.secrets.sealed(scope, id)
    expect(row && alone.open(placesOf(row), row.sealed)).toMatch(/^aura_/)
  }
})
