import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { ApiKeyDocument, ApiKeysDocument, CreateApiKeyDocument, RevokeApiKeyDocument } from '../generated/operations.ts'
import { as, type Company, createCompany, type Person } from '../support/company.ts'
import { codesOf, dataOf, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let company: Company

beforeAll(async () => {
  server = await startServer({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })
  company = await createCompany(server)
})
afterAll(() => server.close())
beforeEach(() => {
  server.log.length = 0
})

const random = 'key_01h455vb4pex5vsknk084sn02q'
const revoke = (id: string, by: Person, acknowledged = true) => server.graphql(RevokeApiKeyDocument, { input: { id, acknowledged } }, as(by))

/** Every row of every table that a caller could change. */
async function snapshot(): Promise<string> {
  const tables = ['organization', 'member', 'app', 'app_instance', 'instance_access', 'api_key', 'key_digest', 'key_count', 'event']
  const rows = await Promise.all(tables.map((table) => server.sql<{ row: string }>(`SELECT t::text AS row FROM ${table} t ORDER BY 1`)))
  return JSON.stringify(rows)
}

test('AZ-01 no credential, whatever else names a user, writes nothing', async () => {
  const before = await snapshot()
  const { ownA } = company.members
  for (const extra of [{ userId: ownA.memberId }, { createdBy: ownA.memberId }, {}]) {
    const body = { query: CreateApiKeyDocument.toString(), variables: { input: { instanceId: company.I1, name: 'x', expiresInDays: 1, ...extra } } }
    const response = await server.post(body, null, { 'x-user-id': ownA.memberId })
    expect(response.status).toBe(401)
    expect(((await response.json()) as { errors: { extensions: { code: string } }[] }).errors[0]?.extensions.code).toBe('UNAUTHENTICATED')
  }
  expect(await snapshot()).toBe(before)
})

test('AZ-02 fields that only the server sets are refused by name', async () => {
  const before = await snapshot()
  for (const field of ['orgId', 'status', 'role', 'revokedAt', 'id', 'createdById']) {
    const input = { instanceId: company.I1, name: 'x', expiresInDays: 1, [field]: 'x' }
    const answer = await server.graphql(CreateApiKeyDocument, { input }, as('devA'))
    expect(answer.errors?.map((error) => error.extensions)).toEqual([{ code: 'BAD_USER_INPUT', field }])
  }
  expect(await snapshot()).toBe(before)
})

test('AZ-03 AZ-10 a refused mutation changes no row of any table', async () => {
  const { id } = await company.createKey('ownA', company.I1)
  const before = await snapshot()
  const refused: [query: string, input: object, by: Person | null, code: string][] = [
    ['createApiKey', { instanceId: company.I1, name: 'x', expiresInDays: 1 }, 'viewA', 'NOT_FOUND'],
    ['createApiKey', { instanceId: company.I1, name: 'x', expiresInDays: 1 }, 'ownB', 'NOT_FOUND'],
    ['revokeApiKey', { id, acknowledged: true }, 'viewA', 'NOT_FOUND'],
    ['revokeApiKey', { id, acknowledged: true }, 'dev2A', 'FORBIDDEN'],
    ['revokeApiKey', { id, acknowledged: true }, null, 'UNAUTHENTICATED'],
    ['createApp', { slug: 'x', name: 'x' }, 'devA', 'FORBIDDEN'],
    ['createAppInstance', { appId: company.appId, name: 'x' }, 'devA', 'FORBIDDEN'],
    ['deleteAppInstance', { id: company.I1, acknowledged: true }, 'dev2A', 'FORBIDDEN'],
    ['deleteAppInstance', { id: company.I1, acknowledged: true }, 'ownB', 'NOT_FOUND'],
    ['setInstanceAccess', { instanceId: company.I1, memberId: company.members.viewA.memberId, role: 'OWNER' }, 'dev2A', 'FORBIDDEN'],
    ['setInstanceAccess', { instanceId: company.I1, memberId: company.members.ownB.memberId, role: 'OWNER' }, 'ownA', 'NOT_FOUND'],
  ]
  for (const [field, input, by, code] of refused) {
    const type = `${field[0]?.toUpperCase()}${field.slice(1)}Input`
    const response = await server.post({ query: `mutation ($input: ${type}!) { ${field}(input: $input) { __typename } }`, variables: { input } }, by && as(by))
    expect(codesOf((await response.json()) as never), field).toEqual([code])
  }
  expect(await snapshot()).toBe(before)
})

test('AZ-05 without the agreement nothing is revoked', async () => {
  const { id, plaintext } = await company.createKey('devA', company.I1)
  expect(codesOf(await revoke(id, 'devA', false))).toEqual(['BAD_USER_INPUT'])
  const without = await server.post({ query: `mutation { revokeApiKey(input: { id: "${id}" }) { __typename } }` }, as('devA'))
  expect(((await without.json()) as { errors: { extensions: object }[] }).errors[0]?.extensions).toMatchObject({
    code: 'BAD_USER_INPUT',
    field: 'acknowledged',
  })
  expect((await server.verify(plaintext, company.I1)).valid).toBe(true)
})

test('AZ-06 each alias of one field is decided by itself', async () => {
  const [own, other] = [await company.createKey('dev2A', company.I1), await company.createKey('devA', company.I1)]
  const query = `mutation { a: revokeApiKey(input: { id: "${own.id}", acknowledged: true }) { apiKey { status } } b: revokeApiKey(input: { id: "${other.id}", acknowledged: true }) { apiKey { status } } }`
  const answer = (await (await server.post({ query }, as('dev2A'))).json()) as { data: object; errors: { path: string[]; extensions: { code: string } }[] }
  expect(answer.data).toEqual({ a: { apiKey: { status: 'REVOKED' } }, b: null })
  expect(answer.errors.map((error) => [error.path[0], error.extensions.code])).toEqual([['b', 'FORBIDDEN']])
})

test('AZ-16 of a document with two operations the one that runs is judged', async () => {
  const { id, plaintext } = await company.createKey('devA', company.I1)
  const query = `query Harmless { apps { id } } mutation Dangerous { revokeApiKey(input: { id: "${id}", acknowledged: true }) { __typename } }`
  const send = async (operationName: string, by: Person) => (await server.post({ query, operationName }, as(by))).json()
  expect(codesOf((await send('Dangerous', 'dev2A')) as never)).toEqual(['FORBIDDEN'])
  expect(codesOf((await send('Harmless', 'dev2A')) as never)).toEqual([])
  expect((await server.verify(plaintext, company.I1)).valid).toBe(true)
})

test('AZ-18 a failure of ours is INTERNAL, logged without its message, and no refusal', async () => {
  await server.app.database.client.$executeRawUnsafe('ALTER TABLE key_use RENAME TO key_use_gone')
  const answer = await server.graphql(ApiKeysDocument, {}, as('ownA'))
  await server.app.database.client.$executeRawUnsafe('ALTER TABLE key_use_gone RENAME TO key_use')
  expect(codesOf(answer)).toEqual(['INTERNAL'])
  expect(answer.errors?.[0]?.message).not.toContain('key_use')
  const logged = server.log.filter((entry) => entry.level === 'error')
  expect(logged).toHaveLength(1)
  expect(logged[0]?.fields).toMatchObject({ requestId: answer.errors?.[0]?.extensions.requestId })
  expect(JSON.stringify(logged)).not.toContain('key_use')
})

test('AZ-08 a lookup of rights that fails denies', async () => {
  for (const [table, document, variables] of [
    ['member', ApiKeysDocument, {}],
    ['instance_access', ApiKeysDocument, {}],
    ['instance_access', CreateApiKeyDocument, { input: { instanceId: company.I1, name: 'x', expiresInDays: 1 } }],
  ] as const) {
    const run = (sql: string) => server.app.database.client.$executeRawUnsafe(sql)
    await run(`ALTER TABLE ${table} RENAME TO broken`)
    const answer = await server.graphql(document as typeof ApiKeysDocument, variables as never, as('devA'))
    await run(`ALTER TABLE broken RENAME TO ${table}`)
    expect(codesOf(answer)).toEqual(['INTERNAL'])
    expect(Object.values(answer.data ?? {}).every((value) => value === null)).toBe(true)
  }
})

test('TN-01 TN-02 EV-12 what belongs to another organization answers as what does not exist', async () => {
  const { id, plaintext } = await company.createKey('devA', company.I1)
  expect(dataOf(await server.graphql(ApiKeyDocument, { id }, as('ownB')))).toEqual({ apiKey: null })
  const [foreign, nowhere] = [await revoke(id, 'ownB'), await revoke(random, 'ownB')]
  expect(foreign).toEqual(nowhere)
  expect(codesOf(foreign)).toEqual(['NOT_FOUND'])
  for (const malformed of ['', 'x', company.I1, id.toUpperCase(), `${id} `, 'key_', `key_${'z'.repeat(26)}`])
    expect(await revoke(malformed, 'ownB')).toEqual(nowhere)
  expect((await server.verify(plaintext, company.I1)).valid).toBe(true)
  expect(await server.sql("SELECT 1 FROM event WHERE api_key_id = $1 AND kind = 'API_KEY_REVOKED'", id)).toEqual([])
})

test('TN-08 two organizations that ask the same at once never see a row of the other', async () => {
  await company.createKey('ownA', company.I1, 'of a')
  await company.createKey('ownB', company.J1, 'of b')
  const query = '{ apps { instances { edges { node { name apiKeys(first: 20) { edges { node { name } } } } } } } }'
  const ask = async (person: Person): Promise<string> => (await server.post({ query }, as(person))).text()
  const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => ask(index % 2 === 0 ? 'ownA' : 'ownB')))
  for (const [index, answer] of answers.entries()) {
    expect(answer).toContain(index % 2 === 0 ? 'of a' : 'of b')
    expect(answer).not.toContain(index % 2 === 0 ? 'of b' : 'of a')
  }
})

test('OR-01 OR-06 OR-07 OR-08 only the owners revoke an orphan, once, with one moment', async () => {
  const { id } = await company.createKey('devA', company.I1)
  await server.sql("UPDATE api_key SET orphan_reason = 'CREATOR_REMOVED' WHERE id = $1 RETURNING 1", id)
  const by = async (person: Person): Promise<string[]> => codesOf(await revoke(id, person))
  expect([await by('devA'), await by('dev2A'), await by('viewA'), await by('ownB'), await by('auraB')]).toEqual([
    ['FORBIDDEN'],
    ['FORBIDDEN'],
    ['NOT_FOUND'],
    ['NOT_FOUND'],
    ['NOT_FOUND'],
  ])
  const first = dataOf(await revoke(id, 'auraA')).revokeApiKey?.apiKey
  server.time.now = new Date(server.time.now.getTime() + 5_000)
  const second = dataOf(await revoke(id, 'ownA')).revokeApiKey?.apiKey
  expect(first).toMatchObject({ status: 'REVOKED', revokedBy: { id: company.members.auraA.memberId } })
  expect(second).toMatchObject({ revokedAt: first?.revokedAt, revokedBy: first?.revokedBy })
})

test('OR-10 a deletion that races a revocation leaves one revocation and one event of it', async () => {
  const keys = await Promise.all(Array.from({ length: 20 }, () => company.createKey('ownA', company.I2)))
  const { ports } = server.app
  const { ownA } = company.members
  const revocations = keys.map(({ id }) => revokeApiKeys(ports, ownA, { ids: [id], acknowledged: true }))
  await Promise.all([...revocations.slice(0, 10), deleteAppInstance(ports, ownA, { id: company.I2, acknowledged: true }), ...revocations.slice(10)])
  const rows = await server.sql(
    "SELECT DISTINCT status::text, (SELECT count(*)::int FROM event e WHERE e.api_key_id = k.id AND kind = 'API_KEY_REVOKED') AS told FROM api_key k WHERE instance_id = $1",
    company.I2,
  )
  expect(rows).toEqual([{ status: 'REVOKED', told: 1 }])
})
