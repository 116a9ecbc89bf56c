import { expect, test } from 'vitest'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { CreateApiKeyDocument, RevealSecretDocument, SaveApiKeyAsSecretDocument, SecretsDocument } from '../generated/operations.ts'
import { as, type Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { codesOf, dataOf } from '../support/server.ts'

const { server, company } = await companyOfFile()

const create = (input: object = {}, by: Person = 'devA') =>
  server.graphql(CreateApiKeyDocument, { input: { instanceId: company.I1, name: 'ci', expiresInDays: 3, ...input } }, as(by))
const created = async (input: object = {}, by: Person = 'devA') => {
  const answer = dataOf(await create(input, by)).createApiKey
  if (!answer) throw new Error('no key')
  return answer
}
const save = (saveToken: string | null | undefined, name: string, by: Person = 'devA') =>
  server.graphql(SaveApiKeyAsSecretDocument, { input: { saveToken: saveToken ?? '', name } }, as(by))
const reveal = (id: string, by: Person = 'devA') => server.graphql(RevealSecretDocument, { input: { id } }, as(by))
const refusal = (answer: { errors?: { extensions: object }[] }) => answer.errors?.[0]?.extensions
const eventsOf = (secretId: string) => server.sql<{ kind: string }>('SELECT kind::text FROM event WHERE secret_id = $1 ORDER BY version', secretId)

test('one step: the key is saved as a secret, its plaintext is in no answer, and revealing gives the key', async () => {
  const { plaintext, saveToken, secret, apiKey } = await created({ saveAsSecret: { name: 'one_step' } })
  expect({ plaintext, saveToken }).toEqual({ plaintext: null, saveToken: null })
  expect(secret).toMatchObject({ name: 'one_step', createdBy: { id: company.members.devA.memberId }, apiKey: { id: apiKey.id, status: 'ACTIVE' } })
  const revealed = dataOf(await reveal(secret?.id ?? '')).revealSecret
  expect(await server.verify(revealed?.value ?? '', company.I1)).toMatchObject({ valid: true, keyId: apiKey.id })
  expect((await eventsOf(secret?.id ?? '')).map((event) => event.kind)).toEqual(['API_KEY_SAVED_AS_SECRET', 'SECRET_REVEALED'])
  const [made, saved] = await server.sql<{ version: bigint }>('SELECT version FROM event WHERE api_key_id = $1 ORDER BY version', apiKey.id)
  expect((saved?.version ?? 0n) - (made?.version ?? 0n)).toBe(1n)
})

test("the dialog's way: a save token saves the key, again the same answers the same, another name is a conflict", async () => {
  const { saveToken, apiKey, plaintext } = await created()
  const first = dataOf(await save(saveToken, 'dialog')).saveApiKeyAsSecret
  expect(first).toMatchObject({ secret: { name: 'dialog' }, apiKey: { id: apiKey.id } })
  expect(dataOf(await save(saveToken, 'dialog')).saveApiKeyAsSecret?.secret.id).toBe(first?.secret.id)
  expect(refusal(await save(saveToken, 'dialog_2'))).toEqual({ code: 'CONFLICT', field: 'saveToken' })
  expect(dataOf(await reveal(first?.secret.id ?? '')).revealSecret?.value).toBe(plaintext)
})

test('a failed save leaves the token usable', async () => {
  const { saveToken } = await created()
  expect(refusal(await save(saveToken, 'dialog'))).toEqual({ code: 'CONFLICT', field: 'name' })
  for (const name of ['', 'a b', 'ä', 'x'.repeat(65), '../x', 'a-b'])
    expect(refusal(await save(saveToken, name))).toEqual({ code: 'BAD_USER_INPUT', field: 'name' })
  dataOf(await save(saveToken, 'after_failures'))
})

test("a token that was altered, is another member's or of another organization is refused on saveToken", async () => {
  const { saveToken } = await created()
  const token = saveToken ?? ''
  const [id = '', end = '', sealed = ''] = token.split('.')
  const later = (Number.parseInt(end, 36) + 60_000).toString(36)
  const { saveToken: other } = await created()
  const altered = [
    `${id}.${later}.${sealed}`,
    `${(other ?? '').split('.')[0]}.${end}.${sealed}`,
    `${id}.${end}.${(other ?? '').split('.')[2]}`,
    `${token}A`,
    '',
    'x',
    id,
  ]
  for (const text of altered) expect(refusal(await save(text, 'altered'))).toEqual({ code: 'BAD_USER_INPUT', field: 'saveToken' })
  for (const person of ['ownA', 'dev2A', 'ownB'] as const)
    expect(refusal(await save(token, 'altered', person))).toEqual({ code: 'BAD_USER_INPUT', field: 'saveToken' })
  dataOf(await save(token, 'unaltered'))
})

test('a token ends after 15 minutes', async () => {
  const { saveToken } = await created()
  const start = server.time.now
  server.time.now = new Date(start.getTime() + 15 * 60_000)
  expect(refusal(await save(saveToken, 'late'))).toEqual({ code: 'BAD_USER_INPUT', field: 'saveToken' })
  server.time.now = new Date(start.getTime() + 15 * 60_000 - 1)
  dataOf(await save(saveToken, 'in_time'))
  server.time.now = start
})

test('a key that is no longer active, or out of sight, is not saved', async () => {
  const { saveToken, apiKey } = await created()
  await revokeApiKeys(server.app.ports, company.members.devA, { ids: [apiKey.id], acknowledged: true })
  expect(refusal(await save(saveToken, 'revoked'))).toEqual({ code: 'CONFLICT', field: 'saveToken' })
  const grant = (role: 'USER' | null) =>
    setInstanceAccess(server.app.ports, company.members.ownA, { instanceId: company.I1, memberId: company.members.dev2A.memberId, role })
  const { saveToken: lost } = await created({}, 'dev2A')
  await grant(null)
  expect(refusal(await save(lost, 'lost', 'dev2A'))).toEqual({ code: 'NOT_FOUND' })
  await grant('USER')
  dataOf(await save(lost, 'found_again', 'dev2A'))
})

test('a taken name undoes the whole creation', async () => {
  await created({ saveAsSecret: { name: 'taken' } })
  const before = await server.sql('SELECT (SELECT count(*) FROM api_key) AS keys, (SELECT count(*) FROM event) AS events')
  expect(refusal(await create({ saveAsSecret: { name: 'taken' } }))).toEqual({ code: 'CONFLICT', field: 'saveAsSecret.name' })
  expect(refusal(await create({ saveAsSecret: { name: 'not ok' } }))).toEqual({ code: 'BAD_USER_INPUT', field: 'saveAsSecret.name' })
  expect(await server.sql('SELECT (SELECT count(*) FROM api_key) AS keys, (SELECT count(*) FROM event) AS events')).toEqual(before)
})

test('TN-05 two organizations have secrets of one name, and each reads its own', async () => {
  const a = await created({ saveAsSecret: { name: 'prod_key' } }, 'ownA')
  const b = await created({ instanceId: company.J1, saveAsSecret: { name: 'prod_key' } }, 'ownB')
  const value = async (id: string | undefined, by: Person) => dataOf(await reveal(id ?? '', by)).revealSecret?.value
  expect(await server.verify((await value(a.secret?.id, 'ownA')) ?? '', company.I1)).toMatchObject({ keyId: a.apiKey.id })
  expect(await server.verify((await value(b.secret?.id, 'ownB')) ?? '', company.J1)).toMatchObject({ keyId: b.apiKey.id })
  expect(codesOf(await reveal(a.secret?.id ?? '', 'ownB'))).toEqual(['NOT_FOUND'])
})

test('TN-04 a foreign token puts nothing into this organization', async () => {
  const { saveToken } = await created({ instanceId: company.J1 }, 'ownB')
  const before = await server.sql('SELECT count(*) AS n FROM secret')
  expect(refusal(await save(saveToken, 'foreign', 'ownA'))).toEqual({ code: 'BAD_USER_INPUT', field: 'saveToken' })
  expect(await server.sql('SELECT count(*) AS n FROM secret')).toEqual(before)
})

test('SR-10 nothing is revealed when its event cannot be written', async () => {
  const { secret } = await created({ saveAsSecret: { name: 'unheard' } })
  const run = (sql: string) => server.app.database.client.$executeRawUnsafe(sql)
  await run('ALTER TABLE event RENAME TO event_gone')
  const answer = await reveal(secret?.id ?? '')
  await run('ALTER TABLE event_gone RENAME TO event')
  expect(answer.data?.revealSecret ?? null).toBeNull()
  expect(codesOf(answer)).toEqual(['INTERNAL'])
  expect(JSON.stringify(answer)).not.toContain('aura_')
})

test('SR-05 a row whose ciphertext was exchanged for that of another secret does not open', async () => {
  const [one, two] = [await created({ saveAsSecret: { name: 'swap_1' } }), await created({ saveAsSecret: { name: 'swap_2' } })]
  await server.sql('UPDATE secret SET sealed = (SELECT sealed FROM secret WHERE id = $2) WHERE id = $1 RETURNING 1', one.secret?.id, two.secret?.id)
  expect(codesOf(await reveal(one.secret?.id ?? ''))).toEqual(['INTERNAL'])
  expect((await eventsOf(one.secret?.id ?? '')).map((event) => event.kind)).toEqual(['API_KEY_SAVED_AS_SECRET'])
  await server.sql('DELETE FROM secret WHERE id = $1 RETURNING 1', one.secret?.id)
})

test('SR-11 listing decrypts nothing', async () => {
  const { seals } = server.app.ports
  let opened = 0
  const open = seals.open
  const counting: typeof open = (...parameters) => {
    opened++
    return open(...parameters)
  }
  Object.assign(seals, { open: counting })
  expect(dataOf(await server.graphql(SecretsDocument, { first: 100 }, as('ownA'))).secrets.totalCount).toBeGreaterThan(5)
  expect(opened).toBe(0)
  Object.assign(seals, { open })
})
