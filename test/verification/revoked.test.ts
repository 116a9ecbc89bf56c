import { expect, test, vi } from 'vitest'
import { RevokeApiKeyDocument } from '../generated/operations.ts'
import { verify } from '../prove/ask.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { dataOf, requestStatements } from '../support/server.ts'

const { server, company } = await companyOfFile()

test('VF-05 after a revocation was answered, none of 10,000 verifications on the same node is valid', { timeout: 240_000 }, async () => {
  const { id, plaintext } = await company.createKey('devA', company.I1)
  expect(await server.verify(plaintext, company.I1)).toMatchObject({ code: 'VALID' })
  dataOf(await server.graphql(RevokeApiKeyDocument, { input: { id, acknowledged: true } }, as('ownA')))
  const codes = new Map<string | null, number>()
  const ask = async (): Promise<void> => {
    for (let turn = 0; turn < 500; turn++) {
      const code = await verify(server, plaintext, company.I1)
      codes.set(code, (codes.get(code) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: 20 }, ask))
  expect([...codes]).toEqual([['REVOKED', 10_000]])
})

test('VF-08 a use that is written after the revocation brings no key back, and is no later than the last one that was valid', async () => {
  const { id, plaintext } = await company.createKey('devA', company.I1)
  const state = async () =>
    (
      await server.sql<object>(
        'SELECT status::text, revoked_at AS "revokedAt", last_used_at AS "lastUsedAt" FROM api_key LEFT JOIN key_use ON key_id = id WHERE id = $1',
        id,
      )
    )[0]
  const usedAt = server.time.now
  expect(await server.verify(plaintext, company.I1)).toMatchObject({ code: 'VALID' })
  server.time.now = new Date(usedAt.getTime() + 5_000)
  dataOf(await server.graphql(RevokeApiKeyDocument, { input: { id, acknowledged: true } }, as('ownA')))
  const revokedAt = server.time.now
  server.time.now = new Date(usedAt.getTime() + 120_000)
  expect(await server.verify(plaintext, company.I1)).toMatchObject({ code: 'REVOKED' })
  await vi.waitFor(async () => expect(await state()).toEqual({ status: 'REVOKED', revokedAt, lastUsedAt: usedAt }), 20_000)
  expect(await server.verify(plaintext, company.I1)).toMatchObject({ code: 'REVOKED' })
})

test('a node that has nothing to verify sends no statement for verification, however many keys it has in memory', async () => {
  const { plaintext } = await company.createKey('devA', company.I1)
  expect(await server.verify(plaintext, company.I1)).toMatchObject({ code: 'VALID' })
  expect(requestStatements(server).some((sql) => /key_digest/.test(sql))).toBe(true)
  const sent = () => [...server.statements, ...server.background]
  server.statements.length = 0
  server.background.length = 0
  // Long enough for every job of a second, and for twenty lives of a mark.
  await vi.waitFor(() => expect(sent().filter((sql) => /known_ids/.test(sql)).length).toBeGreaterThan(1), 20_000)
  expect(sent().filter((sql) => /denial_mark|key_digest|pg_is_in_recovery/.test(sql))).toEqual([])
})
