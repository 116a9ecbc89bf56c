import { expect, test } from 'vitest'
import { CreateApiKeyDocument } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { dataOf, type GraphQLAnswer } from '../support/server.ts'

const { server, company } = await companyOfFile()

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

test('BI-03 numbers that are infinite are refused like any other, in variables and in the document, and make no key', async () => {
  const keys = async () => (await server.sql('SELECT id FROM api_key')).length
  const before = await keys()
  const query = CreateApiKeyDocument.toString()
  for (const number of ['1e999', '-1e999', '1e400', '9'.repeat(400), '1e15', '2.5e0']) {
    for (const field of ['expiresInDays', 'expiresAt']) {
      // JSON has no word for it, but its numbers are read as one.
      const body = `{"query": ${JSON.stringify(query)}, "variables": {"input": {"instanceId": "${company.I1}", "name": "x", "${field}": ${number}}}}`
      const answer = (await (await server.post(body, as('devA'))).json()) as GraphQLAnswer<unknown>
      expect(answer.errors?.[0]?.extensions, `${field}: ${number}`).toEqual({ code: 'BAD_USER_INPUT', field })
    }
  }
  for (const literal of ['1e999', '-1e999', 'Infinity', '-Infinity', 'NaN', '"Infinity"']) {
    for (const field of ['expiresInDays', 'expiresAt']) {
      const document = `mutation { createApiKey(input: { instanceId: "${company.I1}", name: "x", ${field}: ${literal} }) { plaintext } }`
      const response = await server.post({ query: document }, as('devA'))
      const answer = (await response.json()) as GraphQLAnswer<unknown>
      expect(answer.errors?.[0]?.extensions.code, `${field}: ${literal}`).toMatch(/^(BAD_USER_INPUT|QUERY_REJECTED)$/)
      expect(answer.data ?? null).toBeNull()
    }
  }
  const word = `{"query": ${JSON.stringify(query)}, "variables": {"input": {"instanceId": "${company.I1}", "name": "x", "expiresInDays": Infinity}}}`
  expect((await server.post(word, as('devA'))).status).toBe(400)
  expect(await keys()).toBe(before)
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
