import { expect, test } from 'vitest'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { CreateApiKeyDocument, DeleteSecretDocument, RevealSecretDocument, SecretsDocument } from '../generated/operations.ts'
import { dump } from '../secrecy/search.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { dataOf } from '../support/server.ts'

const { server, company } = await companyOfFile()

const saved = async (name: string, instanceId = company.I1) => {
  const input = { instanceId, name: 'ci', expiresInDays: 3, saveAsSecret: { name } }
  const { secret, apiKey } = dataOf(await server.graphql(CreateApiKeyDocument, { input }, as('ownA'))).createApiKey ?? {}
  const value = dataOf(await server.graphql(RevealSecretDocument, { input: { id: secret?.id ?? '' } }, as('ownA'))).revealSecret?.value
  if (!secret || !apiKey || !value) throw new Error('nothing was saved')
  return { id: secret.id, keyId: apiKey.id, value, instanceId }
}
const remove = async (id: string) => dataOf(await server.graphql(DeleteSecretDocument, { input: { id } }, as('ownA'))).deleteSecret?.deletedSecretId
const listed = async (id: string) =>
  dataOf(await server.graphql(SecretsDocument, { first: 100 }, as('ownA'))).secrets.edges.find(({ node }) => node.id === id)?.node

test('OR-15 a secret says what became of its key, orphaned or revoked, and its value goes on being shown', async () => {
  const { ports } = server.app
  const { ownA } = company.members
  const { instanceId } = await createAppInstance(ports, ownA, { appId: company.appId, name: 'doomed' })
  const [orphaned, revoked, active] = [await saved('orphaned', instanceId), await saved('revoked'), await saved('active')]
  await deleteAppInstance(ports, ownA, { id: instanceId, acknowledged: true })
  await revokeApiKeys(ports, ownA, { ids: [revoked.keyId], acknowledged: true })
  for (const [secret, status] of [
    [orphaned, 'ORPHANED'],
    [revoked, 'REVOKED'],
    [active, 'ACTIVE'],
  ] as const) {
    expect((await listed(secret.id))?.apiKey).toMatchObject({ id: secret.keyId, status })
    const again = dataOf(await server.graphql(RevealSecretDocument, { input: { id: secret.id } }, as('ownA'))).revealSecret
    expect(again).toMatchObject({ value: secret.value, secret: { apiKey: { status } } })
    expect((await server.verify(secret.value, secret.instanceId)).code).toBe(status === 'ACTIVE' ? 'VALID' : status)
  }
})

test('OR-15 deleting a secret leaves its key as it was: an active one valid, an orphan an orphan, a revoked one revoked', async () => {
  for (const [name, code] of [
    ['active', 'VALID'],
    ['orphaned', 'ORPHANED'],
    ['revoked', 'REVOKED'],
  ] as const) {
    const [row] = await server.sql<{ id: string; key: string; instance: string; value: string }>(
      'SELECT s.id, s.api_key_id AS key, k.instance_id AS instance FROM secret s JOIN api_key k ON k.id = s.api_key_id WHERE s.name = $1',
      name,
    )
    const value = dataOf(await server.graphql(RevealSecretDocument, { input: { id: row?.id ?? '' } }, as('ownA'))).revealSecret?.value ?? ''
    expect(await remove(row?.id ?? '')).toBe(row?.id)
    expect(await listed(row?.id ?? '')).toBeUndefined()
    expect((await server.verify(value, row?.instance ?? '')).code).toBe(code)
    expect(await server.sql("SELECT kind::text FROM event WHERE api_key_id = $1 AND kind = 'API_KEY_REVOKED'", row?.key)).toHaveLength(
      name === 'revoked' ? 1 : 0,
    )
  }
})

test('SR-14 a deleted secret leaves neither its ciphertext nor its wrapped key in any table, and its events stay', async () => {
  const { id } = await saved('to_delete')
  const [row] = await server.sql<{ sealed: Uint8Array }>('SELECT sealed FROM secret WHERE id = $1', id)
  const sealed = Buffer.from(row?.sealed ?? [])
  // As rows print bytes: the header, then the wrapped data key with its nonce, then the value with its own.
  const parts = { 'wrapped key': sealed.subarray(10, 70), ciphertext: sealed.subarray(70) }
  expect(parts.ciphertext.length).toBeGreaterThan(100)
  const found = async () => {
    const text = await dump(server)
    return Object.entries(parts).flatMap(([name, part]) =>
      text.includes(part.subarray(0, 12).toString('hex')) || text.includes(part.subarray(-16).toString('hex')) ? [name] : [],
    )
  }
  expect(await found()).toEqual(['wrapped key', 'ciphertext'])
  await remove(id)
  expect(await found()).toEqual([])
  const events = await server.sql<{ kind: string }>('SELECT kind::text FROM event WHERE secret_id = $1 ORDER BY version', id)
  expect(events.map((event) => event.kind)).toEqual(['API_KEY_SAVED_AS_SECRET', 'SECRET_REVEALED', 'SECRET_DELETED'])
})
