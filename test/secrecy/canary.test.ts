import { Writable } from 'node:stream'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  ApiKeyDocument,
  ApiKeysDocument,
  AuditLogDocument,
  CreateApiKeyDocument,
  InstanceDocument,
  NodesDocument,
  RevealSecretDocument,
  RevokeApiKeyDocument,
  RevokeApiKeysDocument,
  SaveApiKeyAsSecretDocument,
  SecretsDocument,
} from '../generated/operations.ts'
import { as, type Company, createCompany } from '../support/company.ts'
import { dataOf, startServer, type TestServer } from '../support/server.ts'
import { transports } from '../support/subscribe.ts'

let server: TestServer
let company: Company
const logged: string[] = []

beforeAll(async () => {
  const stream = new Writable({
    write: (part, _encoding, done) => {
      logged.push(String(part))
      done()
    },
  })
  server = await startServer({}, pino({ level: 'trace' }, stream))
  company = await createCompany(server)
})
afterAll(() => server.close())

/** Every form that a plaintext could hide in; of base64 what does not depend on its neighbours, at all three alignments. */
function forms(plaintext: string): string[] {
  const bytes = Buffer.from(plaintext)
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(4, -4),
  )
  return [plaintext, plaintext.slice(-49), encodeURIComponent(plaintext), bytes.toString('hex'), bytes.toString('hex').toUpperCase(), ...base64]
}

const hits = (haystack: string, plaintexts: readonly string[]): string[] => {
  const searched = [haystack, haystack.replaceAll('-', '+').replaceAll('_', '/')]
  return plaintexts.filter((plaintext) =>
    forms(plaintext)
      .flatMap((form) => [form, form.replaceAll('-', '+').replaceAll('_', '/')])
      .some((form) => searched.some((text) => text.includes(form))),
  )
}

async function dump(): Promise<string> {
  const tables = await server.sql<{ name: string }>("SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = 'public'")
  expect(tables.length).toBeGreaterThan(10)
  const rows = await Promise.all(tables.map(({ name }) => server.sql<{ row: string }>(`SELECT t::text AS row FROM "${name}" t`)))
  return rows
    .flat()
    .map(({ row }) => row)
    .join('\n')
}

test('the search finds a plaintext in each of its forms', () => {
  const plaintext = `aura_${'0'.repeat(26)}_${'Ab1'.repeat(16)}Z`
  for (const form of [...forms(plaintext), `xx${Buffer.from(`{"key":"${plaintext}"}`).toString('base64url')}`])
    expect(hits(`before ${form} after`, [plaintext])).toEqual([plaintext])
  expect(hits('nothing here', [plaintext])).toEqual([])
})

test('KS-02 a plaintext is in the answer that creates it and nowhere else: no error, no log line, no event, no table', async () => {
  const plaintexts: string[] = []
  for (let turn = 0; turn < 5; turn++) {
    const created = dataOf(await server.graphql(CreateApiKeyDocument, { input: { instanceId: company.I1, name: `k${turn}`, expiresInDays: 9 } }, as('devA')))
    plaintexts.push(created.createApiKey?.plaintext ?? '')
  }
  // What else must not be found anywhere: values of secrets, save tokens, tokens of callers.
  const tokens: string[] = []
  const secretIds: string[] = []
  for (let turn = 0; turn < 3; turn++) {
    const input = { instanceId: company.I1, name: `s${turn}`, expiresInDays: 9 }
    const saved = dataOf(await server.graphql(CreateApiKeyDocument, { input: { ...input, saveAsSecret: { name: `one_step_${turn}` } } }, as('devA')))
    const later = dataOf(await server.graphql(CreateApiKeyDocument, { input: { ...input, idempotencyKey: `k${turn}` } }, as('devA'))).createApiKey
    const saveToken = later?.saveToken ?? ''
    const dialog = dataOf(await server.graphql(SaveApiKeyAsSecretDocument, { input: { saveToken, name: `dialog_${turn}` } }, as('devA')))
    secretIds.push(saved.createApiKey?.secret?.id ?? '', dialog.saveApiKeyAsSecret?.secret.id ?? '')
    plaintexts.push(later?.plaintext ?? '')
    tokens.push(saveToken.split('.')[2] ?? '', await server.token('devA', 'a'))
  }
  for (const id of secretIds) plaintexts.push(dataOf(await server.graphql(RevealSecretDocument, { input: { id } }, as('devA'))).revealSecret?.value ?? '')
  expect(plaintexts.every((plaintext) => plaintext.startsWith('aura_'))).toBe(true)
  expect(tokens.every((token) => token.length > 60)).toBe(true)
  const [key = ''] = plaintexts
  const answers: string[] = []
  const keep = async (response: Response | Promise<Response>): Promise<void> => {
    const answer = await response
    answers.push(JSON.stringify([...answer.headers]), await answer.text())
  }
  const ask = async (document: { toString(): string }, variables: object): Promise<void> =>
    keep(server.post({ query: document.toString(), variables }, as('devA')))

  for (const token of tokens) {
    await ask(SaveApiKeyAsSecretDocument, { input: { saveToken: token, name: 'x' } })
    await ask(SaveApiKeyAsSecretDocument, { input: { saveToken: `key_${'0'.repeat(26)}.abcdefgh.${token}`, name: 'x' } })
    await ask(ApiKeysDocument, { after: token, filter: { search: token, status: [token] } })
    await keep(server.post({ query: `{ apiKey(id: "${token}", ${token.slice(0, 8).replace(/\W|^\d/g, 'a')}: 1) { id } }` }, as('devA')))
  }
  await ask(RevealSecretDocument, { input: { id: key } })
  await ask(SecretsDocument, { first: 100 })
  await ask(AuditLogDocument, { first: 100 })
  await ask(CreateApiKeyDocument, { input: { instanceId: company.I1, name: 'x', expiresInDays: 1, saveAsSecret: { name: key }, idempotencyKey: key } })

  // As a credential, an id, a name, a cursor, a wrong type, an unknown field; in a literal, a field's name, an alias; in what is no JSON.
  await keep(server.post({ query: '{ apps { id } }' }, { authorization: `Bearer ${key}` }))
  await ask(ApiKeyDocument, { id: key })
  await ask(InstanceDocument, { id: key })
  await ask(NodesDocument, { ids: plaintexts })
  await ask(RevokeApiKeyDocument, { input: { id: key, acknowledged: true } })
  await ask(RevokeApiKeysDocument, { input: { ids: [key], acknowledged: true } })
  await ask(ApiKeysDocument, { after: key })
  await ask(ApiKeysDocument, { filter: { search: key } })
  await ask(ApiKeysDocument, { filter: { status: [key] } })
  await ask(ApiKeysDocument, { orderBy: key, first: key })
  await ask(CreateApiKeyDocument, { input: { instanceId: key, name: 'x', expiresAt: key } })
  await ask(CreateApiKeyDocument, { input: { instanceId: company.I1, name: `${key}\u0000`, expiresInDays: 1 } })
  await ask(CreateApiKeyDocument, { input: { instanceId: company.I1, name: 'x', expiresInDays: 1, [key]: key } })
  await ask(CreateApiKeyDocument, { [key]: key })
  for (const query of [
    `{ apiKey(id: "${key}") { id ${key} } }`,
    `{ ${key}: apps { id } ${key} }`,
    `query ($x: ${key}) { apps { id } }`,
    `{ apiKeys(orderBy: ${key}) { totalCount } }`,
    `mutation { createApiKey(input: { instanceId: "${key}", name: 1, expiresAt: "${key}" }) { plaintext } }`,
    `{ apps { id } } ${key}`,
    `{ apps { id } } "${key}`,
    `{ apps @${key} { id } }`,
    `{ ...${key} }`,
  ]) {
    // An alias comes back as the key of the answer: that is what the caller named it, and the only thing that is theirs to repeat.
    if (!query.includes(`${key}: apps`)) await keep(server.post({ query }, as('devA')))
  }
  await keep(server.post(`{"query": "{ apps { id } }", "${key}": "${key}"`, as('devA')))
  await keep(server.post({ query: '{ apps { id } }', operationName: key, extensions: { key } }, as('devA')))
  await keep(server.post({ query: '{ apps { id } }', [key]: key }, as('devA')))
  await keep(fetch(`${server.url}/graphql?key=${key}`))
  await keep(fetch(`${server.url}/${key}`))
  for (const body of [{ key, instanceId: key }, { key: `${key}x`, instanceId: company.I1 }, { key, instanceId: company.I2 }, key]) {
    await keep(fetch(`${server.url}/v1/verify`, { method: 'POST', body: JSON.stringify(body) }))
  }
  for (const subscribe of Object.values(transports)) {
    for (const [query, variables] of [
      ['subscription ($i: ID) { keyCounts(instanceId: $i) { total } }', { i: key }],
      [`subscription { ${key} }`, {}],
      ['subscription ($i: ID) { keyCounts(instanceId: $i) { total } }', { i: { [key]: key } }],
    ] as const) {
      const stream = subscribe(server, query, variables, `Bearer ${await server.token('devA', 'a')}`)
      answers.push(JSON.stringify(await stream.next()))
      await stream.end()
    }
  }
  expect(await server.verify(key, company.I1)).toMatchObject({ valid: true })
  await server.app.sweep()

  expect(answers.length).toBeGreaterThan(50)
  const hidden = [...plaintexts, ...tokens]
  for (const answer of answers) expect(hits(answer, hidden), answer).toEqual([])
  expect(hits(logged.join('\n'), hidden)).toEqual([])
  expect(hits(await dump(), hidden)).toEqual([])
})

test('KS-01 whoever asks for every key and every event field is shown no digest and no plaintext', async () => {
  const { plaintext } = await company.createKey('devA', company.I1)
  const [stored] = await server.sql<{ digest: Uint8Array }>('SELECT digest FROM key_digest LIMIT 1')
  const digest = Buffer.from(stored?.digest ?? []).toString('hex')
  for (const person of ['ownA', 'auraA', 'devA', 'dev2A'] as const) {
    const text = JSON.stringify(await server.graphql(ApiKeysDocument, { first: 100 }, as(person)))
    expect(hits(text, [plaintext])).toEqual([])
    expect(text).not.toContain(digest)
  }
})
