import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { ApiKeysDocument, type ApiKeysQuery, RevokeApiKeyDocument, type RevokeApiKeyMutation } from '../generated/operations.ts'
import { as, type Company, createCompany, type Person, people } from '../support/company.ts'
import { codesOf, dataOf, type GraphQLAnswer, startServer, type TestServer } from '../support/server.ts'
import { everyTransport, type Send } from '../support/transports.ts'
import { everyRow } from './rows.ts'

let server: TestServer
let company: Company
/** Orphans of a removed creator, in an instance that lives, one for each transport. */
const removedCreator: Record<string, string> = {}
/** The orphan of a deleted instance, on which the two members had roles. */
let deletedInstance: string

beforeAll(async () => {
  server = await startServer({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })
  company = await createCompany(server)
  const { ports } = server.app
  const { ownA, devA, dev2A, ownB } = company.members
  const key = async (memberId: string, instanceId: string) =>
    (await createApiKey(ports, { ...ownA, memberId }, { instanceId, name: 'key', expiresInDays: 30 })).keyId
  const { memberId } = await addMember(ports, ownA, { subject: 'leaver', name: 'leaver', role: 'MEMBER' })
  await setInstanceAccess(ports, ownA, { instanceId: company.I1, memberId, role: 'USER' })
  for (const transport of Object.keys(everyTransport)) removedCreator[transport] = await key(memberId, company.I1)
  await removeMember(ports, ownA, { id: memberId, acknowledged: true })
  const { instanceId } = await createAppInstance(ports, ownA, { appId: company.appId, name: 'doomed' })
  await setInstanceAccess(ports, ownA, { instanceId, memberId: devA.memberId, role: 'OWNER' })
  await setInstanceAccess(ports, ownA, { instanceId, memberId: dev2A.memberId, role: 'USER' })
  deletedInstance = await key(dev2A.memberId, instanceId)
  await deleteAppInstance(ports, ownA, { id: instanceId, acknowledged: true })
  // What must not be listed as an orphan, in each of the lists.
  await company.createKey('devA', company.I1)
  await company.createKey('devB', company.J1)
  await deleteAppInstance(ports, ownB, { id: company.J1, acknowledged: true })
})
afterAll(() => server.close())

for (const [transport, send] of Object.entries(everyTransport)) {
  describe(`over ${transport}`, () => {
    const revoke = async (id: string, by: Person) =>
      (await send(
        server,
        { query: RevokeApiKeyDocument.toString(), variables: { input: { id, acknowledged: true } } },
        as(by),
      )) as GraphQLAnswer<RevokeApiKeyMutation>
    const codes = async (id: string, by: Person): Promise<string[]> => codesOf(await revoke(id, by))

    test('OR-14 orphans are listed to organization owners, and those of a living instance to its members too', async () => {
      const seen = async (by: Person): Promise<string[]> => orphansOf(send, by)
      const alive = Object.values(removedCreator).sort()
      const expected: Record<Person, string[]> = {
        ownA: [...alive, deletedInstance].sort(),
        auraA: [...alive, deletedInstance].sort(),
        devA: alive,
        dev2A: alive,
        viewA: [],
        ownB: await foreignOrphans(),
        auraB: await foreignOrphans(),
        devB: [],
      }
      expect(alive).toHaveLength(3)
      expect(expected.ownB).toHaveLength(1)
      for (const person of people) expect([person, await seen(person)]).toEqual([person, expected[person]])
    })

    test('OR-06 members do not revoke an orphan, whatever their role on the instance, and nothing changes', async () => {
      const id = removedCreator[transport] ?? ''
      const before = await everyRow(server)
      for (const [person, code, ofDeleted] of [
        ['devA', 'FORBIDDEN', 'NOT_FOUND'],
        ['dev2A', 'FORBIDDEN', 'NOT_FOUND'],
        ['viewA', 'NOT_FOUND', 'NOT_FOUND'],
      ] as const) {
        expect([person, await codes(id, person), await codes(deletedInstance, person)]).toEqual([person, [code], [ofDeleted]])
      }
      expect(await everyRow(server)).toEqual(before)
    })

    test('OR-08 the owner and the Aura Owner of another organization do not revoke an orphan', async () => {
      const before = await everyRow(server)
      for (const person of ['ownB', 'auraB'] as const) {
        for (const id of [removedCreator[transport] ?? '', deletedInstance]) expect([person, await codes(id, person)]).toEqual([person, ['NOT_FOUND']])
      }
      expect(await everyRow(server)).toEqual(before)
    })
  })
}

const orphansOf = async (send: Send, by: Person): Promise<string[]> => {
  const answer = await send(server, { query: ApiKeysDocument.toString(), variables: { first: 100, filter: { status: ['ORPHANED'] } } }, as(by))
  const { edges, totalCount } = dataOf(answer as GraphQLAnswer<ApiKeysQuery>).apiKeys
  expect(totalCount).toBe(edges.length)
  return edges.map(({ node }) => node.id).sort()
}
const foreignOrphans = async (): Promise<string[]> =>
  (await server.sql<{ id: string }>("SELECT id FROM api_key WHERE organization_id = $1 AND status = 'ORPHANED'", company.members.ownB.organizationId)).map(
    ({ id }) => id,
  )

// After OR-14 to OR-08, which need the orphans as they are.
for (const [transport, send] of Object.entries(everyTransport)) {
  test(`OR-07 an Aura Owner, then an OWNER revoke an orphan over ${transport}, once, with one moment`, async () => {
    const id = removedCreator[transport] ?? ''
    const revoke = async (by: Person) => {
      const sent = { query: RevokeApiKeyDocument.toString(), variables: { input: { id, acknowledged: true } } }
      return dataOf((await send(server, sent, as(by))) as GraphQLAnswer<RevokeApiKeyMutation>).revokeApiKey?.apiKey
    }
    const first = await revoke('auraA')
    server.time.now = new Date(server.time.now.getTime() + 5_000)
    const second = await revoke('ownA')
    expect(first).toMatchObject({ status: 'REVOKED', revokedBy: { id: company.members.auraA.memberId } })
    expect(second).toMatchObject({ revokedAt: first?.revokedAt, revokedBy: first?.revokedBy })
    expect(await server.sql("SELECT 1 FROM event WHERE api_key_id = $1 AND kind = 'API_KEY_REVOKED'", id)).toHaveLength(1)
  })
}

test('OR-10 a deletion that races a revocation leaves one revocation and one event of it', async () => {
  const keys = await Promise.all(Array.from({ length: 20 }, () => company.createKey('ownA', company.I2)))
  const { ports } = server.app
  const { ownA } = company.members
  const revocations = keys.map(({ id }) => revokeApiKeys(ports, ownA, { ids: [id], acknowledged: true }))
  await Promise.all([...revocations.slice(0, 10), deleteAppInstance(ports, ownA, { id: company.I2, acknowledged: true }), ...revocations.slice(10)])
  const rows = await server.sql(
    "SELECT DISTINCT status::text, (SELECT count(*)::int FROM event e WHERE e.api_key_id = k.id AND kind = 'API_KEY_REVOKED') AS told FROM api_key k WHERE instance_id = $1",
    company.I2,
  )
  expect(rows).toEqual([{ status: 'REVOKED', told: 1 }])
})
