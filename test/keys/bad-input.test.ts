import { afterAll, beforeAll, expect, test } from 'vitest'
import { CreateApiKeyDocument } from '../generated/operations.ts'
import { as, type Company, createCompany } from '../support/company.ts'
import { dataOf, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let company: Company

beforeAll(async () => {
  server = await startServer()
  company = await createCompany(server)
})
afterAll(() => server.close())

const create = (input: object) => server.graphql(CreateApiKeyDocument, { input: { instanceId: company.I1, name: 'x', ...input } as never }, as('devA'))
const refusal = async (input: object) => (await create(input)).errors?.[0]?.extensions
const day = 86_400_000
const inDays = (days: number): string => new Date(server.time.now.getTime() + days * day).toISOString()

test('names that are empty, too long or not printable are refused by name', async () => {
  const names = [
    '',
    '   ',
    'x'.repeat(65),
    '𝒳'.repeat(65),
    'a\nb',
    'a\u0000b',
    'a\u007fb',
    'a\u0085b',
    'a\ud800b',
    '\udc00',
    'a\u202eb',
    'a\u2028b',
    '\ufeff\u200b',
  ]
  for (const name of names) expect(await refusal({ name, expiresInDays: 1 }), JSON.stringify(name)).toEqual({ code: 'BAD_USER_INPUT', field: 'name' })
})

test('BI-02 names are trimmed and kept in NFC, up to 64 characters, and need not be unique', async () => {
  const named = async (name: string) => dataOf(await create({ name, expiresInDays: 1 })).createApiKey?.apiKey.name
  expect(await named('  ci  ')).toBe('ci')
  expect(await named('ci')).toBe('ci')
  expect(await named('CI')).toBe('CI')
  expect(await named('e\u0301')).toBe('é')
  expect(await named('𝒳'.repeat(64))).toBe('𝒳'.repeat(64))
  expect(await named('👩‍💻 laptop')).toBe('👩‍💻 laptop')
})

test('BI-03 ends that are no moment, past, now or too far are refused by name', async () => {
  const ends = [
    inDays(-1),
    inDays(0),
    inDays(365.01),
    inDays(3650),
    '+275760-09-13T00:00:00.000Z',
    '2027-02-30T00:00:00Z',
    '2027-02-29T00:00:00Z',
    '2027-01-01T24:00:00Z',
    '2027-01-01T00:00:00',
    '2027-01-01',
    '2027-13-01T00:00:00Z',
    'tomorrow',
    '',
    1_800_000_000_000,
    Number.MAX_VALUE,
    true,
    {},
  ]
  for (const expiresAt of ends) expect(await refusal({ expiresAt }), String(expiresAt)).toEqual({ code: 'BAD_USER_INPUT', field: 'expiresAt' })
  for (const expiresInDays of [0, -1, 366, 1.5, '3', 2 ** 31]) {
    expect(await refusal({ expiresInDays }), String(expiresInDays)).toEqual({ code: 'BAD_USER_INPUT', field: 'expiresInDays' })
  }
  expect(await refusal({})).toEqual({ code: 'BAD_USER_INPUT', field: 'expiresAt' })
  expect(await refusal({ expiresAt: null, expiresInDays: null })).toEqual({ code: 'BAD_USER_INPUT', field: 'expiresAt' })
  expect(await refusal({ expiresAt: inDays(3), expiresInDays: 3 })).toEqual({ code: 'BAD_USER_INPUT', field: 'expiresAt' })
})

test('BI-03 an end with any zone is stored in UTC', async () => {
  const local = inDays(10).replace(/\.\d{3}Z$/, '+14:00')
  const made = dataOf(await create({ expiresAt: local })).createApiKey?.apiKey
  expect(made?.expiresAt).toBe(new Date(local).toISOString())
  const last = dataOf(await create({ expiresInDays: 365 })).createApiKey?.apiKey
  expect(last?.expiresAt).toBe(inDays(365))
})

test('TN-04 an instance that is malformed, of another type, of another organization or nowhere has one answer, and no key is made', async () => {
  const count = async () => (await server.sql('SELECT id FROM api_key')).length
  const before = await count()
  const answers = await Promise.all(
    ['ins_01h455vb4pex5vsknk084sn02q', company.J1, company.appId, '', 'x', company.I1.toUpperCase(), `${company.I1} `].map((instanceId) =>
      create({ instanceId, expiresInDays: 1 }),
    ),
  )
  for (const answer of answers) expect(answer).toEqual(answers[0])
  expect(answers[0]?.errors?.[0]?.extensions).toEqual({ code: 'NOT_FOUND' })
  expect(await count()).toBe(before)
})

test('KS-03 a write that the database refuses is INTERNAL without the statement or its values', async () => {
  const run = (sql: string) => server.app.database.client.$executeRawUnsafe(sql)
  await run("ALTER TABLE api_key ADD CONSTRAINT unlucky CHECK (name <> 'unlucky name')")
  server.log.length = 0
  const answer = await create({ name: 'unlucky name', expiresInDays: 1 })
  await run('ALTER TABLE api_key DROP CONSTRAINT unlucky')
  expect(answer.errors?.[0]?.extensions.code).toBe('INTERNAL')
  for (const text of [JSON.stringify(answer), JSON.stringify(server.log)]) expect(text).not.toMatch(/unlucky|INSERT|aura_/)
  expect(server.log).toHaveLength(1)
})

test('KS-11 the event of a creation names the key and the actor, and holds no secret', async () => {
  const made = dataOf(await create({ name: 'told', expiresInDays: 1 })).createApiKey
  const [event] = await server.sql<Record<string, unknown>>('SELECT * FROM event WHERE api_key_id = $1', made?.apiKey.id)
  expect(event).toMatchObject({ subject_name: 'told', actor_id: company.members.devA.memberId, instance_id: company.I1 })
  expect(Object.values(event ?? {}).join()).not.toContain(made?.plaintext?.slice(-49))
})
