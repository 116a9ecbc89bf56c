import { expect, test } from 'vitest'
import { AuditLogDocument, CreateApiKeyDocument } from '../generated/operations.ts'
import { hits } from '../secrecy/search.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { dataOf } from '../support/server.ts'

const { server, company } = await companyOfFile()

test('KS-11 the event of a creation and its entry in the audit log name the key, its hint and the actor, and hold neither plaintext nor digest', async () => {
  const answer = await server.graphql(CreateApiKeyDocument, { input: { instanceId: company.I1, name: 'told', expiresInDays: 1 } }, as('devA'))
  const { apiKey, plaintext } = dataOf(answer).createApiKey ?? {}
  const [stored] = await server.sql<{ digest: Uint8Array }>('SELECT digest FROM key_digest WHERE key_id = $1', apiKey?.id)
  const digest = Buffer.from(stored?.digest ?? [])
  expect(digest).toHaveLength(32)

  const [row] = await server.sql<{ row: string }>("SELECT e::text AS row FROM event e WHERE api_key_id = $1 AND kind = 'API_KEY_CREATED'", apiKey?.id)
  const [event] = await server.sql('SELECT * FROM event WHERE api_key_id = $1', apiKey?.id)
  expect(event).toMatchObject({
    kind: 'API_KEY_CREATED',
    subject_name: 'told',
    api_key_id: apiKey?.id,
    actor_id: company.members.devA.memberId,
    instance_id: company.I1,
  })

  const query = AuditLogDocument.toString().replace(/apiKey \{/, 'apiKey { hint')
  const variables = { first: 100, filter: { apiKeyId: apiKey?.id } }
  const response = await server.post({ query, variables }, as('ownA'))
  const text = await response.text()
  const { edges } = (JSON.parse(text) as { data: { auditLog: { edges: { node: object }[] } } }).data.auditLog
  expect(edges).toHaveLength(1)
  expect(edges[0]?.node).toMatchObject({
    kind: 'API_KEY_CREATED',
    subjectName: 'told',
    actor: { id: company.members.devA.memberId, name: 'devA' },
    apiKey: { id: apiKey?.id, hint: `${plaintext?.slice(0, 9)}…${plaintext?.slice(-4)}` },
  })
  for (const shown of [row?.row ?? '', text]) {
    expect(shown).toContain(apiKey?.id)
    expect(hits(shown, [plaintext ?? '', digest])).toEqual([])
  }
})
