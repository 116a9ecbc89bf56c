import { Writable } from 'node:stream'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatKey } from '../../src/crypto/key-format.ts'
import {
  ApiKeyDocument,
  ApiKeysDocument,
  AuditLogDocument,
  CreateApiKeyDocument,
  type CreateApiKeyMutation,
  InstanceDocument,
  NodesDocument,
  RevealSecretDocument,
  RevokeApiKeyDocument,
  RevokeApiKeysDocument,
  SaveApiKeyAsSecretDocument,
  SecretsDocument,
} from '../generated/operations.ts'
import { type Company, createCompany } from '../support/company.ts'
import { dataOf, type GraphQLAnswer, startServer, type TestServer } from '../support/server.ts'
import { transports } from '../support/subscribe.ts'
import { dump, filesWith, type Hidden, hits } from './search.ts'

let server: TestServer
let company: Company
const logged: string[] = []
/** One token for everything: what is looked for is what was sent. */
let token: string
let sender: { authorization: string }

/** What must be found nowhere but in the one answer that shows it. */
const hidden: Hidden[] = []
const answers: string[] = []

beforeAll(async () => {
  const stream = new Writable({
    write: (part, _encoding, done) => {
      logged.push(String(part))
      done()
    },
  })
  server = await startServer({}, pino({ level: 'trace' }, stream))
  company = await createCompany(server)
  token = await server.token('devA', 'a')
  sender = { authorization: `Bearer ${token}` }
  hidden.push(token)
})
afterAll(() => server.close())

const keep = async (response: Response | Promise<Response>): Promise<void> => {
  const answer = await response
  answers.push(JSON.stringify([...answer.headers]), await answer.text())
}
const ask = (document: { toString(): string }, variables: object): Promise<void> => keep(server.post({ query: document.toString(), variables }, sender))

/** Creates over one of the transports, and hides what its answer shows. */
async function mint(transport: 'HTTP' | keyof typeof transports, input: object): Promise<NonNullable<CreateApiKeyMutation['createApiKey']>> {
  const variables = { input: { instanceId: company.I1, name: `over ${transport}`, expiresInDays: 9, ...input } }
  let answer: GraphQLAnswer<CreateApiKeyMutation> | null
  if (transport === 'HTTP') answer = await server.graphql(CreateApiKeyDocument, variables, sender)
  else {
    const stream = transports[transport]<CreateApiKeyMutation>(server, CreateApiKeyDocument.toString(), variables, sender.authorization)
    answer = await stream.next()
    await stream.end()
  }
  const made = answer && dataOf(answer).createApiKey
  if (!made) throw new Error('nothing was made')
  if (made.plaintext) hidden.push(made.plaintext)
  if (made.saveToken) hidden.push(made.saveToken.split('.')[2] ?? '')
  return made
}

test('KS-02 what is made over HTTP, WebSocket and events, saved, revealed and refused', async () => {
  for (const transport of ['HTTP', 'WebSocket', 'SSE'] as const) {
    const shown = await mint(transport, { idempotencyKey: transport })
    expect(shown.plaintext).toMatch(/^aura_/)
    const saved = await mint(transport, { saveAsSecret: { name: `one_step_${transport}` } })
    const dialog = await server.graphql(SaveApiKeyAsSecretDocument, { input: { saveToken: shown.saveToken ?? '', name: `dialog_${transport}` } }, sender)
    for (const id of [saved.secret?.id, dataOf(dialog).saveApiKeyAsSecret?.secret.id]) {
      const revealed = dataOf(await server.graphql(RevealSecretDocument, { input: { id: id ?? '' } }, sender)).revealSecret
      hidden.push(revealed?.value ?? '')
    }
    await ask(CreateApiKeyDocument, { input: { instanceId: company.I1, name: `over ${transport}`, expiresInDays: 9, idempotencyKey: transport } })
  }
  expect(hidden.length).toBe(1 + 3 * 4)
  expect(hidden.every((each) => each.length > 60)).toBe(true)
})

test('KS-02 keys, tokens and save tokens in every place of a request where they do not belong', async () => {
  const key = hidden.find((each) => String(each).startsWith('aura_')) as string
  const unknown = formatKey('key_01h455vb4pex5vsknk084sn02q', Buffer.alloc(32, 0x5a)).expose()
  hidden.push(unknown)
  for (const text of [...hidden].map(String)) {
    await keep(server.post({ query: '{ apps { id } }' }, { authorization: `Bearer ${text}x` }))
    for (const saveToken of [text, `key_${'0'.repeat(26)}.abcdefgh.${text}`]) await ask(SaveApiKeyAsSecretDocument, { input: { saveToken, name: 'x' } })
    await ask(ApiKeysDocument, { after: text, filter: { search: text, status: [text] }, orderBy: text, first: text })
    await ask(ApiKeysDocument, { filter: { search: text } })
    await ask(ApiKeyDocument, { id: text })
    await ask(InstanceDocument, { id: text })
    await ask(RevealSecretDocument, { input: { id: text } })
    await ask(NodesDocument, { ids: [text] })
    await ask(RevokeApiKeyDocument, { input: { id: text, acknowledged: true } })
    // Its results name each id as it was given, to who gave it; a key is no id.
    if (text.startsWith('aura_')) await ask(RevokeApiKeysDocument, { input: { ids: [text], acknowledged: true } })
    else await server.graphql(RevokeApiKeysDocument, { input: { ids: [text], acknowledged: true } }, sender)
    await ask(CreateApiKeyDocument, { input: { instanceId: text, name: 'x', expiresAt: text } })
    await ask(CreateApiKeyDocument, { input: { instanceId: company.I1, name: `${text}\u0000`, expiresInDays: 1 } })
  }
  await ask(SecretsDocument, { first: 100 })
  await ask(AuditLogDocument, { first: 100 })
  await ask(CreateApiKeyDocument, { input: { instanceId: company.I1, name: 'x', expiresInDays: 1, saveAsSecret: { name: key }, idempotencyKey: key } })
  await ask(CreateApiKeyDocument, { input: { instanceId: company.I1, name: 'x', expiresInDays: 1, [key]: key } })
  await ask(CreateApiKeyDocument, { [key]: key })
  for (const query of [
    `{ apiKey(id: "${key}") { id ${key} } }`,
    `query ($x: ${key}) { apps { id } }`,
    `query ($${key}: Int) { apps { id } }`,
    `query ${key} { apps { id } } query ${unknown} { apps { id } }`,
    `{ apiKeys(orderBy: ${key}) { totalCount } }`,
    `{ apiKeys(${key}: 1) { totalCount } }`,
    `mutation { createApiKey(input: { instanceId: "${key}", name: 1, expiresAt: "${key}" }) { plaintext } }`,
    `{ apps { id } } ${key}`,
    `{ apps { id } } "${key}`,
    `{ apps @${key} { id } }`,
    `{ ...${key} }`,
    `{ apps { ...${key} } } fragment ${key} on App { id id { x } }`,
  ]) {
    await keep(server.post({ query }, sender))
  }
  await keep(server.post(`{"query": "{ apps { id } }", "${key}": "${key}"`, sender))
  await keep(server.post({ query: '{ apps { id } }', operationName: key, extensions: { key } }, sender))
  await keep(server.post({ query: '{ apps { id } }', [key]: key }, sender))
  await keep(fetch(`${server.url}/graphql?key=${key}`))
  await keep(fetch(`${server.url}/${key}`))
  for (const body of [
    JSON.stringify({ key, instanceId: key }),
    JSON.stringify({ key: `${key}x`, instanceId: company.I1 }),
    key,
    Buffer.from(`\u00ff${key}`, 'latin1'),
  ]) {
    await keep(fetch(`${server.url}/v1/verify`, { method: 'POST', body }))
  }
  for (const subscribe of Object.values(transports)) {
    for (const [query, variables, authorization] of [
      ['subscription ($i: ID) { keyCounts(instanceId: $i) { total } }', { i: key }, sender.authorization],
      [`subscription { ${key} }`, {}, sender.authorization],
      ['subscription ($i: ID) { keyCounts(instanceId: $i) { total } }', { i: { [key]: key } }, sender.authorization],
      ['{ apps { id } }', {}, `Bearer ${key}`],
      ['{ apps { id } }', {}, `Bearer ${token}x`],
    ] as const) {
      const stream = subscribe(server, query, variables, authorization)
      answers.push(JSON.stringify(await stream.next()))
      await stream.end()
    }
  }
  expect((await server.verify(key, company.I1)).valid).toBe(true)
})

test('KS-02 an alias that is a key comes back as the name that the caller gave, and does not reach the log', async () => {
  const alias = formatKey('key_01h455vb4pex5vsknk084sn02r', Buffer.alloc(32, 0x5b)).expose()
  hidden.push(alias)
  const revoke = `revokeApiKey(input: { id: "key_01h455vb4pex5vsknk084sn02q", acknowledged: true }) { apiKey { id } }`
  const before = logged.length
  const documents = [
    `{ ${alias}: apps { id } }`,
    `mutation { ${alias}: ${revoke} }`,
    `{ ${alias}: auditLog { totalCount } }`,
    `mutation ${alias} { ${alias}: ${revoke} }`,
  ]
  for (const query of documents) {
    await server.post({ query }, sender)
    for (const subscribe of Object.values(transports)) {
      const stream = subscribe(server, query, {}, sender.authorization)
      expect(JSON.stringify(await stream.next())).toContain(alias)
      await stream.end()
    }
  }
  const refusals = logged.slice(before).filter((line) => line.includes('refused'))
  expect(refusals.length).toBeGreaterThanOrEqual(9)
  expect(refusals.every((line) => line.includes('[redacted]'))).toBe(true)
})

test('KS-02 KS-16 a failure after the key was made, with its bytes and its digest in the statement, tells neither', async () => {
  const { ports } = server.app
  const { randomBytes } = ports
  const bytes = Buffer.alloc(32, 0x5c)
  const alias = formatKey('key_01h455vb4pex5vsknk084sn02s', Buffer.alloc(32, 0x5d)).expose()
  let digested = 0
  const { digest } = ports.digests
  Object.assign(ports, { randomBytes: () => bytes })
  Object.assign(ports.digests, {
    digest: (plaintext: Parameters<typeof digest>[0]) => {
      digested++
      const made = digest(plaintext)
      hidden.push(plaintext.expose(), made.digest)
      return made
    },
  })
  const run = (sql: string) => server.app.database.client.$executeRawUnsafe(sql)
  // The database's own words show the whole row.
  await run('ALTER TABLE key_digest ADD CONSTRAINT unlucky CHECK (length(digest) < 32) NOT VALID')
  const before = logged.length
  await ask(CreateApiKeyDocument, { input: { instanceId: company.I1, name: 'x', expiresInDays: 1 } })
  await server.post({ query: `mutation { ${alias}: createApiKey(input: { instanceId: "${company.I1}", name: "x", expiresInDays: 1 }) { plaintext } }` }, sender)
  await run('ALTER TABLE key_digest DROP CONSTRAINT unlucky')
  Object.assign(ports, { randomBytes })
  Object.assign(ports.digests, { digest })
  hidden.push(alias, bytes)
  expect(digested).toBe(2)
  expect(answers.at(-1)).toContain('INTERNAL')
  expect(logged.slice(before).filter((line) => line.includes('an operation failed'))).toHaveLength(2)
})

test('KS-02 none of it is in any answer, line of the log, metric, table or file', { timeout: 300_000 }, async () => {
  await server.app.sweep()
  await keep(fetch(`${server.url}/metrics`))
  expect(answers.at(-1)).toContain('aura_keys_refusals_total')
  expect(answers.length).toBeGreaterThan(300)
  expect(hidden.length).toBeGreaterThan(18)
  expect(answers.filter((answer) => hits(answer, hidden).length > 0)).toEqual([])
  expect(logged.length).toBeGreaterThan(20)
  expect(logged.filter((line) => hits(line, hidden).length > 0)).toEqual([])
  expect(hits(await dump(server), hidden)).toEqual([])
  const { read, found } = filesWith(server.app.config.DATA_DIR, hidden)
  expect(found).toEqual([])
  // On PostgreSQL the folder is empty.
  expect(read > 200).toBe(server.app.database.kind === 'pglite')
})
