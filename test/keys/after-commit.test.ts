import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createChange } from '../../src/change/change.ts'
import { createChangeBy } from '../../src/change/change-by.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import type { Ports } from '../../src/ports.ts'
import { CreateApiKeyDocument, RevokeApiKeyDocument } from '../generated/operations.ts'
import { as, type Company, createCompany } from '../support/company.ts'
import { dataOf, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let company: Company

beforeAll(async () => {
  server = await startServer()
  company = await createCompany(server)
})
afterEach(() => void vi.restoreAllMocks())
afterAll(() => server.close())

/** The ports with a connection that is lost before or after the database commits. */
function losing(when: 'before' | 'after'): Ports {
  const { transact } = server.app.database
  const lost = (): never => {
    throw Object.assign(new Error('lost'), { code: 'ECONNRESET' })
  }
  const losing: typeof transact = (body, committing) => (when === 'after' ? transact(body, committing).then(lost) : transact(async () => lost()))
  const { ports } = server.app
  const change = createChange({ transact: losing, statementMs: () => 0 }, ports.clock, { changed: () => undefined, denied: () => undefined })
  return { ...ports, change, changeBy: createChangeBy(ports, change) }
}

test('where the connection is lost at the commit, the answer does not say that nothing was changed, and a repetition finds what was', async () => {
  const { devA } = company.members
  const input = { instanceId: company.I1, name: 'lost', expiresInDays: 1, idempotencyKey: 'once' }
  await expect(createApiKey(losing('before'), devA, input)).rejects.toMatchObject({
    message: expect.stringContaining('Nothing was changed'),
    extensions: { code: 'UNAVAILABLE' },
  })
  expect(await server.sql("SELECT 1 FROM api_key WHERE name = 'lost'")).toEqual([])
  await expect(createApiKey(losing('after'), devA, input)).rejects.toMatchObject({
    message: expect.stringMatching(/may or may not have been made.*same idempotencyKey/),
    extensions: { code: 'UNAVAILABLE' },
  })
  const [made] = await server.sql<{ id: string }>("SELECT id FROM api_key WHERE name = 'lost'")
  expect(await createApiKey(server.app.ports, devA, input)).toMatchObject({ keyId: made?.id, plaintext: null })
})

test('a revocation is answered although nobody can count the nodes', async () => {
  const { id, plaintext } = await company.createKey('devA', company.I1)
  await server.app.database.client.$executeRawUnsafe('ALTER TABLE node RENAME TO node_gone')
  const answer = await server.graphql(RevokeApiKeyDocument, { input: { id, acknowledged: true } }, as('devA'))
  await server.app.database.client.$executeRawUnsafe('ALTER TABLE node_gone RENAME TO node')
  expect(dataOf(answer).revokeApiKey).toMatchObject({ apiKey: { status: 'REVOKED' }, propagation: { nodes: 1 } })
  expect(await server.verify(plaintext, company.I1)).toEqual({ valid: false, code: 'REVOKED' })
  expect(server.log).toContainEqual(expect.objectContaining({ level: 'warn', message: 'how many nodes serve could not be counted' }))
})

test('the plaintext is not lost with one failed read after the commit', async () => {
  const find = vi.spyOn(server.app.ports.keys, 'among').mockRejectedValueOnce(new Error('a read failed'))
  const answer = await server.graphql(CreateApiKeyDocument, { input: { instanceId: company.I1, name: 'kept', expiresInDays: 1 } }, as('devA'))
  expect(find).toHaveBeenCalledTimes(2)
  const made = dataOf(answer).createApiKey
  expect(made).toMatchObject({ apiKey: { name: 'kept' }, plaintext: expect.stringMatching(/^aura_/) })
  expect((await server.verify(String(made?.plaintext), company.I1)).valid).toBe(true)
})
