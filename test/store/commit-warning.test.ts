import { expect, test } from 'vitest'
import { RevokeApiKeyDocument } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { codesOf, dataOf } from '../support/server.ts'

const { server, company } = await companyOfFile()

test('a denial whose commit came with a warning is not answered as done, and repeated it is', async () => {
  // The embedded database has no standby that a commit could wait for.
  if (server.app.database.kind === 'pglite') return
  const { id, plaintext } = await company.createKey('devA', company.I1)
  const run = (sql: string) => server.app.database.client.$executeRawUnsafe(sql)
  // Raised at COMMIT, as PostgreSQL does when the wait for a standby is cut short.
  await run(`CREATE FUNCTION warn_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'canceling wait'; RETURN NULL; END $$`)
  await run('CREATE CONSTRAINT TRIGGER warn_late AFTER UPDATE ON api_key DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION warn_late()')
  const revoke = () => server.graphql(RevokeApiKeyDocument, { input: { id, acknowledged: true } }, as('devA'))
  const warned = await revoke()
  expect([codesOf(warned), warned.errors?.[0]?.message]).toEqual([['UNAVAILABLE'], expect.stringContaining('may or may not have been made')])
  await run('DROP TRIGGER warn_late ON api_key')
  expect(dataOf(await revoke()).revokeApiKey?.apiKey.status).toBe('REVOKED')
  expect(await server.verify(plaintext, company.I1)).toEqual({ valid: false, code: 'REVOKED' })
})

test('every kind of denial, and every repetition of one, waits for 55 ms after the database has answered', async () => {
  const { id } = await company.createKey('devA', company.I1)
  for (const what of ['done', 'repeated']) {
    const started = performance.now()
    const { propagation } = dataOf(await server.graphql(RevokeApiKeyDocument, { input: { id, acknowledged: true } }, as('devA'))).revokeApiKey ?? {}
    if (server.app.database.kind === 'pglite') {
      expect([what, propagation]).toEqual([what, { nodes: 1, waitedMs: 0 }])
      continue
    }
    expect(performance.now() - started).toBeGreaterThanOrEqual(55)
    expect(propagation?.waitedMs).toBeGreaterThanOrEqual(55)
  }
})

test('where commits wait for standbys, a repetition commits something before it waits, and is UNAVAILABLE when that fails', async () => {
  if (server.app.database.kind === 'pglite') return
  const { nodes } = server.app
  const count = nodes.count
  const { id } = await company.createKey('devA', company.I1)
  const revoke = () => server.graphql(RevokeApiKeyDocument, { input: { id, acknowledged: true } }, as('devA'))
  await revoke()
  Object.assign(nodes, { count: async () => ({ ...(await count()), isSynchronous: true }) })
  server.statements.length = 0
  expect(dataOf(await revoke()).revokeApiKey?.propagation.waitedMs).toBeGreaterThanOrEqual(55)
  expect(server.statements.filter((sql) => sql.includes('pg_logical_emit_message'))).toHaveLength(1)
  Object.assign(nodes, { commitSomething: () => Promise.reject(new Error('x')) })
  expect(codesOf(await revoke())).toEqual(['UNAVAILABLE'])
  // Without a count in time, what was counted last stands.
  for (const none of [() => Promise.reject(new Error('x')), () => new Promise(() => undefined)]) {
    Object.assign(nodes, { count: none, lastCount: () => ({ nodes: 3, isSynchronous: true }) })
    expect(codesOf(await revoke())).toEqual(['UNAVAILABLE'])
    Object.assign(nodes, { lastCount: () => ({ nodes: 3, isSynchronous: false }) })
    expect(dataOf(await revoke()).revokeApiKey?.propagation.nodes).toBe(3)
  }
})
