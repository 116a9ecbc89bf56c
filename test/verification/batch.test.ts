import { beforeAll, expect, test } from 'vitest'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import type { TestKey } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { requestStatements } from '../support/server.ts'

const { server, company } = await companyOfFile()
let key: TestKey

beforeAll(async () => {
  key = await company.createKey('devA', company.I1)
})

const ask = (body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${server.url}/v1/verify/batch`, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) })
const results = async (verifications: unknown[]): Promise<object[]> => ((await (await ask({ verifications })).json()) as { results: object[] }).results

test('a batch answers each question in its place, as one by one', async () => {
  const revoked = await company.createKey('devA', company.I1)
  await revokeApiKeys(server.app.ports, company.members.devA, { ids: [revoked.id], acknowledged: true })
  const questions = [
    { key: key.plaintext, instanceId: company.I1 },
    { key: revoked.plaintext, instanceId: company.I1 },
    { key: key.plaintext, instanceId: company.I2 },
    { key: 'aura_junk', instanceId: company.I1 },
    { key: key.plaintext, instanceId: company.I1 },
  ]
  const alone = await Promise.all(questions.map((question) => server.verify(question.key, question.instanceId)))
  expect(await results(questions)).toEqual(alone)
  expect(alone.map(({ code }) => code)).toEqual(['VALID', 'REVOKED', 'WRONG_INSTANCE', 'MALFORMED', 'VALID'])
})

test('a batch of 1 to 100 in at most 32 kB, each with a key and an instance; anything else is 400 or 413, and nothing is looked up', async () => {
  const question = { key: key.plaintext, instanceId: company.I1 }
  expect(await results(Array.from({ length: 100 }, () => question))).toHaveLength(100)
  server.statements.length = 0
  for (const body of [
    {},
    [],
    '{',
    { verifications: null },
    { verifications: [] },
    { verifications: {} },
    { verifications: Array.from({ length: 101 }, () => question) },
    { verifications: [question, { key: 'x' }] },
    { verifications: [question, { key: 'x', instanceId: '*' }] },
    { verifications: [question, null] },
  ]) {
    expect([JSON.stringify(body).slice(0, 40), (await ask(body)).status]).toEqual([JSON.stringify(body).slice(0, 40), 400])
  }
  expect((await ask({ verifications: [question], note: 'x'.repeat(33_000) })).status).toBe(413)
  expect((await fetch(`${server.url}/v1/verify/batch`)).status).toBe(405)
  expect(requestStatements(server).filter((sql) => /key_digest|denial_mark/.test(sql))).toEqual([])
})

test('one that cannot be known makes the whole answer 503', async () => {
  const run = (sql: string) => server.app.database.client.$executeRawUnsafe(sql)
  const unseen = await company.createKey('devA', company.I1)
  await results([{ key: key.plaintext, instanceId: company.I1 }])
  await run('ALTER TABLE key_digest RENAME TO key_digest_gone')
  const answer = await ask({ verifications: [key, unseen].map(({ plaintext }) => ({ key: plaintext, instanceId: company.I1 })) })
  await run('ALTER TABLE key_digest_gone RENAME TO key_digest')
  expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([503, '1', expect.not.stringContaining('valid')])
})
