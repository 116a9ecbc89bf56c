import { describe, expect, test } from 'vitest'
import { operations } from '../access/cells.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { requestStatements } from '../support/server.ts'
import { everyTransport } from '../support/transports.ts'

const { server, company } = await companyOfFile()

const isLock = (sql: string): boolean => sql.includes('FOR NO KEY UPDATE')

describe('revokeApiKeys', () => {
  const query = operations['Mutation.revokeApiKeys']?.({ id: '' }, undefined as never).query ?? ''
  const revoke = async (ids: string[]) => {
    server.statements.length = 0
    const answer = await everyTransport.HTTP(server, { query, variables: { input: { ids, acknowledged: true } } }, as('dev2A'))
    return { answer, locks: server.statements.filter(isLock).length }
  }

  test('takes the lock once some key of many may be revoked, and says of each the same as before', async () => {
    const [own, own2, other] = await Promise.all((['dev2A', 'dev2A', 'devA'] as const).map((by) => company.createKey(by, company.I1)))
    const hidden = await company.createKey('ownA', company.I2)
    const ids = [own?.id, other?.id, hidden.id, own2?.id, 'key_nowhere'].map(String)
    const codes = (answer: unknown) =>
      (answer as { data: { revokeApiKeys: { results: { id: string; errorCode: string | null }[] } } }).data.revokeApiKeys.results
    const expected = ids.map((id, index) => ({ id, errorCode: [null, 'FORBIDDEN', 'NOT_FOUND', null, 'NOT_FOUND'][index] }))
    const first = await revoke(ids)
    expect([first.locks, codes(first.answer)]).toEqual([1, expected])
    const again = await revoke(ids)
    expect([again.locks, codes(again.answer)]).toEqual([0, expected])
    expect(await server.sql("SELECT api_key_id AS id FROM event WHERE kind = 'API_KEY_REVOKED' AND api_key_id IN ($1, $2)", own?.id, own2?.id)).toHaveLength(2)
  })

  test('refuses an id that is named twice, by the field, before it asks for any key', async () => {
    const { id, plaintext } = await company.createKey('dev2A', company.I1)
    const { answer, locks } = await revoke([id, 'key_nowhere', id])
    expect(answer.errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'BAD_USER_INPUT', field: 'ids' }])
    expect(locks).toBe(0)
    // The one that finds who asks.
    expect(requestStatements(server)).toHaveLength(1)
    expect((await server.verify(plaintext, company.I1)).valid).toBe(true)
  })
})
