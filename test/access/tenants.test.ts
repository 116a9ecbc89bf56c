import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { ApiKeyDocument, RevokeApiKeyDocument } from '../generated/operations.ts'
import { as, type Company, createCompany, type Person } from '../support/company.ts'
import { codesOf, type GraphQLAnswer, startServer, type TestServer } from '../support/server.ts'
import { overEvents, overWebSocket } from '../support/subscribe.ts'
import { authorizationOf, everyTransport } from '../support/transports.ts'
import { outcomeOf } from './cells.ts'
import { everyRow, refusalsOf } from './rows.ts'

const socketsPerMember = 60
let server: TestServer
let company: Company

beforeAll(async () => {
  server = await startServer({
    WS_MAX_SOCKETS_PER_MEMBER: String(socketsPerMember),
    MAX_QUEUED_OPERATIONS_PER_MEMBER: '10000',
    OPERATION_TIMEOUT_MS: '600000',
  })
  company = await createCompany(server)
})
afterAll(() => server.close())

const nowhere = '01h455vb4pex5vsknk084sn02q'

for (const [transport, send] of Object.entries(everyTransport)) {
  describe(`over ${transport}`, () => {
    const revoke = (id: string, by: Person) =>
      send(server, { query: RevokeApiKeyDocument.toString(), variables: { input: { id, acknowledged: true } } }, as(by))

    test('TN-01 EV-12 what belongs to another organization reads as what does not exist, by whatever field', async () => {
      const { ports } = server.app
      const { ownA, devA } = company.members
      const saveAsSecret = { name: `foreign_${transport}` }
      const made = await createApiKey(ports, ownA, { instanceId: company.I1, name: 'key', expiresInDays: 1, saveAsSecret })
      const [event] = await server.sql<{ id: string }>('SELECT id FROM event WHERE organization_id = $1 LIMIT 1', ownA.organizationId)
      const ids = [made.keyId, company.I1, made.secretId, company.appId, devA.memberId, ownA.organizationId, event?.id].map(String)
      const query = (field: string) => `query ($id: ID!) { found: ${field}(id: $id) { id __typename } }`
      const cases: [string, string][] = [
        [ApiKeyDocument.toString(), made.keyId],
        [query('apiKey'), made.keyId],
        [query('instance'), company.I1],
        ...ids.map((id): [string, string] => [query('node'), id]),
        ...ids.map((id): [string, string] => ['query ($id: ID!) { found: nodes(ids: [$id]) { id } }', id]),
      ]
      expect(cases).toHaveLength(17)
      for (const [text, id] of cases) {
        const ask = async (asked: string, by: Person) => JSON.stringify(await send(server, { query: text, variables: { id: asked } }, as(by)))
        const own = await ask(id, 'ownA')
        expect(own).toContain(id)
        const foreign = await ask(id, 'ownB')
        expect(foreign).not.toContain(id)
        expect(foreign).toBe(await ask(`${id.slice(0, 4)}${nowhere}`, 'ownB'))
      }
    })

    test('TN-02 EV-12 nobody revokes a key of another organization: as if it did not exist, with no event, and the log names who tried', async () => {
      const { id, plaintext } = await company.createKey('devA', company.I1)
      const before = await everyRow(server)
      server.log.length = 0
      const foreign = await revoke(id, 'ownB')
      expect(codesOf(foreign)).toEqual(['NOT_FOUND'])
      const { memberId, organizationId } = company.members.ownB
      expect(refusalsOf(server)).toEqual([{ code: 'NOT_FOUND', field: 'revokeApiKey', requestId: expect.any(String), memberId, organizationId }])
      expect(JSON.stringify(server.log)).not.toContain(company.members.ownA.organizationId)
      const malformed = ['', 'x', company.I1, id.toUpperCase(), `${id} `, 'key_', `key_${'z'.repeat(26)}`]
      for (const other of [`key_${nowhere}`, ...malformed]) expect(await revoke(other, 'ownB')).toEqual(foreign)
      // That the key verifies is asked last: it may be written down as its last use.
      expect(await everyRow(server)).toEqual(before)
      expect((await server.verify(plaintext, company.I1)).valid).toBe(true)
    })
  })
}

test('TN-08 two organizations that ask the same a thousand times at once never see a row of the other', async () => {
  await company.createKey('ownA', company.I1, 'of a')
  await company.createKey('ownB', company.J1, 'of b')
  const query =
    '{ app(slug: "functions") { instances(first: 2) { edges { node { apiKeys(first: 5, filter: { search: "of " }) { edges { node { name createdBy { name } } } } } } } } }'
  const ways = Object.values(everyTransport)
  const ask = async (index: number): Promise<void> => {
    const [person, own, other]: [Person, string, string] = index % 2 === 0 ? ['ownA', 'of a', 'of b'] : ['ownB', 'of b', 'of a']
    const answer = JSON.stringify(await ways[index % 10 < 8 ? 0 : (index % 2) + 1]?.(server, { query }, as(person)))
    expect(answer).toContain(own)
    expect(answer).not.toContain(other)
    answers++
  }
  let answers = 0
  // Fifty at a time of both, so that each is answered among many of the other.
  for (let start = 0; start < 1_000; start += 50) await Promise.all(Array.from({ length: 50 }, (_, index) => ask(start + index)))
  expect(answers).toBe(1_000)
})

test('TN-11 keys of two organizations that are verified in turn answer each for its own, in either order', async () => {
  const { ownA, viewA, ownB } = company.members
  await setInstanceAccess(server.app.ports, ownA, { instanceId: company.I1, memberId: viewA.memberId, role: 'USER' })
  for (const order of [
    ['b', 'a', 'b'],
    ['a', 'b', 'a'],
  ] as const) {
    // New keys, so that whoever comes first is the first of all.
    const keys = { a: await company.createKey('viewA', company.I1), b: await company.createKey('ownB', company.J1) }
    const whose = {
      a: { instanceId: company.I1, organizationId: ownA.organizationId, appId: company.appId, createdBy: viewA.memberId },
      b: { instanceId: company.J1, organizationId: ownB.organizationId, appId: company.otherAppId, createdBy: ownB.memberId },
    }
    for (const one of order) {
      const other = one === 'a' ? 'b' : 'a'
      expect(await server.verify(keys[one].plaintext, whose[one].instanceId)).toMatchObject({ valid: true, keyId: keys[one].id, ...whose[one] })
      expect(await server.verify(keys[one].plaintext, whose[other].instanceId)).toEqual({ valid: false, code: 'WRONG_INSTANCE' })
    }
  }
  await setInstanceAccess(server.app.ports, ownA, { instanceId: company.I1, memberId: viewA.memberId, role: null })
})

test('TN-13 a member of one organization at their limit leaves the other one served', async () => {
  const counts = 'subscription { keyCounts { total } }'
  const key = await company.createKey('devB', company.J1)
  const bearer = await authorizationOf(server, as('viewA'))
  const open = Array.from({ length: socketsPerMember }, (_, index) => (index % 2 === 0 ? overWebSocket : overEvents)<unknown>(server, counts, {}, bearer))
  for (const stream of open) expect(outcomeOf(await stream.next())).toBe('data')
  const over: GraphQLAnswer<unknown>[] = []
  for (const subscribe of [overWebSocket, overEvents]) {
    const refused = subscribe<unknown>(server, counts, {}, bearer)
    over.push((await refused.next()) ?? {})
    await refused.end()
  }
  expect(over.map((answer) => outcomeOf(answer))).toEqual(['CLOSED 1013', 'RATE_LIMITED'])
  const busy = Array.from({ length: 100 }, () => everyTransport.HTTP(server, { query: '{ apps { instances { edges { node { id } } } } }' }, as('viewA')))
  const verified = await Promise.all(Array.from({ length: 100 }, () => server.verify(key.plaintext, company.J1)))
  expect(verified.map(({ valid, keyId }) => valid && keyId)).toEqual(Array(100).fill(key.id))
  for (const send of Object.values(everyTransport)) expect(outcomeOf(await send(server, { query: '{ viewer { member { id } } }' }, as('devB')))).toBe('data')
  expect((await Promise.all(busy)).filter((answer) => outcomeOf(answer) !== 'rows')).toEqual([])
  for (const stream of open) await stream.end()
})
