import { beforeEach, describe, expect, test } from 'vitest'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { ApiKeysDocument, CreateApiKeyDocument, RevokeApiKeyDocument } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { codesOf } from '../support/server.ts'
import { everyTransport } from '../support/transports.ts'
import { everyRow, refusalsOf } from './rows.ts'

const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })
beforeEach(() => {
  server.log.length = 0
})

test('AZ-01 a header that names a user is no credential', async () => {
  const before = await everyRow(server)
  const body = { query: CreateApiKeyDocument.toString(), variables: { input: { instanceId: company.I1, name: 'x', expiresInDays: 1 } } }
  expect((await server.post(body, null, { 'x-user-id': company.members.ownA.memberId })).status).toBe(401)
  expect(await everyRow(server)).toEqual(before)
})

for (const [transport, send] of Object.entries(everyTransport)) {
  describe(`over ${transport}`, () => {
    const create = (extra: object) => ({
      query: CreateApiKeyDocument.toString(),
      variables: { input: { instanceId: company.I1, name: 'x', expiresInDays: 1, ...extra } },
    })

    test('AZ-01 no credential, whatever else names a user, writes nothing', async () => {
      const before = await everyRow(server)
      const { memberId } = company.members.ownA
      for (const extra of [{ userId: memberId }, { createdBy: memberId }, {}])
        expect(codesOf(await send(server, create(extra), null))).toEqual(['UNAUTHENTICATED'])
      expect(await everyRow(server)).toEqual(before)
    })

    test('AZ-02 fields that only the server sets are refused by name', async () => {
      const before = await everyRow(server)
      for (const field of ['orgId', 'status', 'role', 'revokedAt', 'id', 'createdById', 'userId', 'createdBy']) {
        const answer = await send(server, create({ [field]: 'x' }), as('devA'))
        expect(answer.errors?.map((error) => error.extensions)).toEqual([{ code: 'BAD_USER_INPUT', field }])
      }
      expect(await everyRow(server)).toEqual(before)
    })

    test('AZ-05 without the agreement nothing is revoked', async () => {
      const { id, plaintext } = await company.createKey('devA', company.I1)
      const withoutIt = { query: `mutation { revokeApiKey(input: { id: "${id}" }) { __typename } }` }
      const refused = { query: RevokeApiKeyDocument.toString(), variables: { input: { id, acknowledged: false } } }
      for (const sent of [withoutIt, refused]) {
        const answer = await send(server, sent, as('devA'))
        expect(answer.errors?.map((error) => error.extensions)).toMatchObject([{ code: 'BAD_USER_INPUT', field: 'acknowledged' }])
      }
      expect((await server.verify(plaintext, company.I1)).valid).toBe(true)
    })

    test('AZ-06 each alias of one field is decided by itself', async () => {
      const [own, other] = [await company.createKey('dev2A', company.I1), await company.createKey('devA', company.I1)]
      const query = `mutation { a: revokeApiKey(input: { id: "${own.id}", acknowledged: true }) { apiKey { status } } b: revokeApiKey(input: { id: "${other.id}", acknowledged: true }) { apiKey { status } } }`
      const answer = await send(server, { query }, as('dev2A'))
      expect(answer.data).toEqual({ a: { apiKey: { status: 'REVOKED' } }, b: null })
      expect(answer.errors?.map((error) => [error.path?.[0], error.extensions.code])).toEqual([['b', 'FORBIDDEN']])
    })

    test('AZ-16 of a document with two operations the one that runs is judged, measured and written down', async () => {
      const [first, second] = [await company.createKey('devA', company.I1), await company.createKey('devA', company.I1)]
      const revocations = (name: string, id: string): string =>
        `mutation ${name} { ${['a', 'b', 'c', 'd'].map((alias) => `${alias}: revokeApiKey(input: { id: "${id}", acknowledged: true }) { __typename }`).join(' ')} }`
      const query = `query Harmless { apps { id } } ${revocations('Dangerous', first.id)} ${revocations('Other', second.id)}`
      const run = (operationName: string, by: 'dev2A' | 'devA' | null) => send(server, { query, operationName }, by && as(by))
      // Eight root fields, of which four run: the limit of five is each operation's own.
      expect(codesOf(await run('Harmless', 'dev2A'))).toEqual([])
      expect(codesOf(await run('Harmless', null))).toEqual(['UNAUTHENTICATED'])
      server.log.length = 0
      expect(codesOf(await run('Dangerous', 'dev2A'))).toEqual(Array(4).fill('FORBIDDEN'))
      expect(refusalsOf(server).map(({ field, memberId }) => [field, memberId])).toEqual(
        ['a', 'b', 'c', 'd'].map((alias) => [alias, company.members.dev2A.memberId]),
      )
      const tooMany = `${query} mutation Six { ${[1, 2, 3, 4, 5, 6].map((n) => `m${n}: deleteSecret(input: { id: "x" }) { __typename }`).join(' ')} }`
      expect(codesOf(await send(server, { query: tooMany, operationName: 'Six' }, as('devA')))).toEqual(['QUERY_REJECTED'])
      expect((await server.verify(first.plaintext, company.I1)).valid).toBe(true)
      expect(codesOf(await run('Dangerous', 'devA'))).toEqual([])
      expect(await server.sql("SELECT api_key_id AS key FROM event WHERE kind = 'API_KEY_REVOKED' AND api_key_id IN ($1, $2)", first.id, second.id)).toEqual([
        { key: first.id },
      ])
      expect((await server.verify(second.plaintext, company.I1)).valid).toBe(true)
      // None of several is named, or one that is not there: nothing runs.
      for (const operationName of [undefined, 'Nope']) {
        const answer = await send(server, { query, ...(operationName ? { operationName } : {}) }, as('devA'))
        expect([answer.data ?? null, codesOf(answer).length]).toEqual([null, 1])
      }
      expect((await server.verify(second.plaintext, company.I1)).valid).toBe(true)
    })

    test('AZ-04 who lost their access still has the secret of their key, and no longer the key', async () => {
      const { ownA, viewA } = company.members
      const grant = (role: 'USER' | null) => setInstanceAccess(server.app.ports, ownA, { instanceId: company.I1, memberId: viewA.memberId, role })
      await grant('USER')
      const saveAsSecret = { name: `kept_${transport}` }
      const made = await createApiKey(server.app.ports, viewA, { instanceId: company.I1, name: 'key', expiresInDays: 1, saveAsSecret })
      const query = 'query ($id: ID!) { node(id: $id) { ... on Secret { name apiKey { id } } } }'
      const ask = async () => (await send(server, { query, variables: { id: made.secretId } }, as('viewA'))).data
      expect(await ask()).toEqual({ node: { name: saveAsSecret.name, apiKey: { id: made.keyId } } })
      await grant(null)
      expect(await ask()).toEqual({ node: { name: saveAsSecret.name, apiKey: null } })
    })

    test('AZ-18 a failure of ours is INTERNAL, logged without its message, and no refusal', async () => {
      await server.app.database.client.$executeRawUnsafe('ALTER TABLE key_use RENAME TO key_use_gone')
      const answer = await send(server, { query: ApiKeysDocument.toString() }, as('ownA'))
      await server.app.database.client.$executeRawUnsafe('ALTER TABLE key_use_gone RENAME TO key_use')
      expect(codesOf(answer)).toEqual(['INTERNAL'])
      expect(answer.errors?.[0]?.message).not.toContain('key_use')
      const logged = server.log.filter((entry) => entry.level === 'error' && entry.message === 'an operation failed')
      expect(logged).toHaveLength(1)
      expect(logged[0]?.fields).toMatchObject({ requestId: answer.errors?.[0]?.extensions.requestId })
      expect(JSON.stringify(server.log)).not.toContain('key_use')
      expect(refusalsOf(server)).toEqual([])
    })
  })
}
