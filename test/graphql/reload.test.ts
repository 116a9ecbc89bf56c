import { expect, test } from 'vitest'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { transports } from '../support/subscribe.ts'

const { server, company } = await companyOfFile()

// Two pages of one list: no single statement reads both, so one of them is read again by the id of the event.
const twice = `subscription ($after: Version) { apiKeyChanged(after: $after) {
  kind a: apiKey { instance { apiKeys(first: 1) { edges { node { name } } } } } b: apiKey { instance { apiKeys(first: 2) { edges { node { name } } } } } } }`

for (const [transport, open] of Object.entries(transports)) {
  test(`a member follows changes of keys with selections that take two statements, over ${transport}`, async () => {
    const { id } = await company.createKey('devA', company.I1, 'one')
    await company.createKey('devA', company.I1, 'two')
    const [row] = await server.sql<{ version: bigint }>('SELECT version FROM organization WHERE id = $1', company.members.devA.organizationId)
    const stream = open(server, twice, { after: Number(row?.version) }, `Bearer ${await server.token('devA')}`)
    await revokeApiKeys(server.app.ports, company.members.ownA, { ids: [id], acknowledged: true })
    const answer = await stream.next()
    const page = (names: string[]) => ({ instance: { apiKeys: { edges: names.map((name) => ({ node: { name } })) } } })
    expect(answer).toEqual({ data: { apiKeyChanged: { kind: 'API_KEY_REVOKED', a: page(['two']), b: page(['two', 'one']) } } })
    await stream.end()
  })
}

test('an event by its id stays for owners, also where the key that it was about is in scope', async () => {
  const key = await company.createKey('devA', company.I1, 'seen')
  const [event] = await server.sql<{ id: string }>('SELECT id FROM event WHERE api_key_id = $1', key.id)
  const ask = async (person: 'ownA' | 'devA'): Promise<unknown> => (await server.post({ query: `{ node(id: "${event?.id}") { id } }` }, as(person))).json()
  expect(await ask('ownA')).toEqual({ data: { node: { id: event?.id } } })
  expect(await ask('devA')).toEqual({ data: { node: null } })
})
