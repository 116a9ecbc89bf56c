import { beforeAll, expect, test } from 'vitest'
import { formatKey } from '../../src/crypto/key-format.ts'
import { newId } from '../../src/ids.ts'
import { RevokeApiKeyDocument } from '../generated/operations.ts'
import { as, type TestKey } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { dataOf, requestStatements } from '../support/server.ts'
import { createVerification } from '../support/verifier.ts'

const { server, company } = await companyOfFile()
let key: TestKey

beforeAll(async () => {
  key = await company.createKey('devA', company.I1)
})

test('VF-17 an unknown key is compared like a known one, revoked or not, so that the time tells nothing', async () => {
  const { ports } = server.app
  const compared: { pepperId: string; bytes: number }[] = []
  const digests = {
    ...ports.digests,
    matches: (...[plaintext, pepperId, digest]: Parameters<typeof ports.digests.matches>) => {
      compared.push({ pepperId, bytes: digest.length })
      return ports.digests.matches(plaintext, pepperId, digest)
    },
  }
  const forged = (id: string): string => formatKey(id, new Uint8Array(32).fill(9)).expose()
  const revoked = await company.createKey('devA', company.I1)
  dataOf(await server.graphql(RevokeApiKeyDocument, { input: { id: revoked.id, acknowledged: true } }, as('devA')))
  const statements = new Set<string>()
  for (const text of [forged(newId('key')), forged(key.id), forged(revoked.id)]) {
    server.statements.length = 0
    expect(await createVerification(server, { digests }).verifier.ask(text, company.I1, new Set())).toMatchObject({ code: 'NOT_FOUND' })
    statements.add(requestStatements(server).join())
  }
  expect(compared).toEqual(Array(3).fill({ pepperId: ports.digests.currentId, bytes: 32 }))
  expect(statements.size).toBe(1)
})

test('a body that is no UTF-8 is 400, however it would be mended', async () => {
  const json = Buffer.from(JSON.stringify({ key: key.plaintext, instanceId: company.I1, note: '?' }))
  const post = (body: Buffer): Promise<Response> => fetch(`${server.url}/v1/verify`, { method: 'POST', body: new Uint8Array(body) })
  expect((await post(json)).status).toBe(200)
  const broken = Buffer.from(json)
  broken[json.lastIndexOf('?')] = 0xff
  const answer = await post(broken)
  expect(answer.status).toBe(400)
  expect(await answer.json()).toEqual({ error: 'The body must be UTF-8.' })
})
