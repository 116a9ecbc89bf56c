import { describe, expect, test, vi } from 'vitest'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { setMemberRole } from '../../src/members/set-member-role.ts'
import {
  ApiKeyChangedDocument,
  type ApiKeyChangedSubscription,
  ApiKeysDocument,
  EventsDocument,
  type EventsSubscription,
  KeyCountsOfDocument,
  type KeyCountsOfSubscription,
} from '../generated/operations.ts'
import { as, type Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { dataOf } from '../support/server.ts'
import { type Stream, transports } from '../support/subscribe.ts'

const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })

const versionOf = async (organizationId: string): Promise<number> =>
  Number((await server.sql<{ version: bigint }>('SELECT version FROM organization WHERE id = $1', organizationId))[0]?.version)
const now = () => versionOf(company.members.ownA.organizationId)

/** Waits until no source is open: streams that were ended leave nothing behind. */
const nobody = () => vi.waitFor(() => expect(server.app.ports.hub.size).toBe(0), 20_000)

for (const [transport, subscribe] of Object.entries(transports)) {
  describe(`over ${transport}`, () => {
    const follow = async <Data>(document: { toString(): string }, variables: object, person: Person): Promise<Stream<Data>> => {
      const { subject, organization } = as(person)
      return subscribe<Data>(server, document.toString(), variables, `Bearer ${await server.token(subject, organization)}`)
    }
    const changes = (variables: object, person: Person = 'devA') => follow<ApiKeyChangedSubscription>(ApiKeyChangedDocument, variables, person)
    const next = async (stream: Stream<ApiKeyChangedSubscription>) => (await stream.next())?.data?.apiKeyChanged

    test('a list names the version from which its feed goes on, with nothing missed in between', async () => {
      const { version } = dataOf(await server.graphql(ApiKeysDocument, {}, as('devA'))).apiKeys
      const missed = await company.createKey('devA', company.I1)
      const stream = await changes({ after: version })
      expect(await next(stream)).toMatchObject({
        kind: 'API_KEY_CREATED',
        apiKey: { id: missed.id, status: 'ACTIVE' },
        actor: { id: company.members.devA.memberId },
      })
      await revokeApiKeys(server.app.ports, company.members.ownA, { ids: [missed.id], acknowledged: true })
      expect(await next(stream)).toMatchObject({ kind: 'API_KEY_REVOKED', apiKey: { id: missed.id, status: 'REVOKED' } })
      await stream.end()
    })

    test('EV-09 without a version only what comes is told, and what is told is there', async () => {
      await nobody()
      const stream = await changes({ instanceId: company.I1 })
      await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(1), 20_000)
      const key = await company.createKey('devA', company.I1)
      const told = await next(stream)
      expect(told?.apiKey.id).toBe(key.id)
      expect(dataOf(await server.graphql(ApiKeysDocument, { first: 1 }, as('devA'))).apiKeys.edges[0]?.node.id).toBe(key.id)
      await stream.end()
    })

    test('EV-05 only what the viewer may see is told, and versions tell of the gaps', async () => {
      const start = await now()
      const stream = await changes({ after: start })
      await company.createKey('ownA', company.I2)
      await company.createKey('ownB', company.J1)
      const mine = await company.createKey('devA', company.I1)
      const told = await next(stream)
      expect(told).toMatchObject({ version: start + 2, apiKey: { id: mine.id } })
      expect(JSON.stringify(told)).not.toContain(mine.plaintext.slice(32, 60))
      await stream.end()
    })

    test('changes that come while a reader is replaying come once and in order', async () => {
      const start = await now()
      for (let made = 0; made < 15; made++) await company.createKey('devA', company.I1)
      const writing = Promise.all(Array.from({ length: 15 }, () => company.createKey('devA', company.I1)))
      const stream = await changes({ after: start })
      const versions: number[] = []
      while (versions.length < 30) versions.push((await next(stream))?.version ?? Number.NaN)
      await writing
      expect(versions).toEqual(Array.from({ length: 30 }, (_, index) => start + 1 + index))
      await stream.end()
    })

    test('a version of the future, and one that is too old, are RESYNC', async () => {
      for (const after of [(await now()) + 1, Number.MAX_SAFE_INTEGER]) {
        const stream = await changes({ after })
        expect((await stream.next())?.errors?.[0]?.extensions).toMatchObject({ code: 'RESYNC', field: 'after' })
        await stream.end()
      }
      const start = server.time.now
      server.time.now = new Date(start.getTime() + 91 * 86_400_000)
      const stream = await changes({ after: 1 })
      expect((await stream.next())?.errors?.[0]?.extensions.code).toBe('RESYNC')
      await stream.end()
      server.time.now = start
    })

    test('a feed of an instance ends with NOT_FOUND when the access is taken away', async () => {
      const change = (role: 'USER' | null) =>
        setInstanceAccess(server.app.ports, company.members.ownA, { instanceId: company.I1, memberId: company.members.dev2A.memberId, role })
      await nobody()
      const stream = await changes({ instanceId: company.I1 }, 'dev2A')
      await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(1), 20_000)
      await change(null)
      expect((await stream.next())?.errors?.[0]?.extensions.code).toBe('NOT_FOUND')
      expect(await stream.next()).toBeNull()
      await change('USER')
    })

    test('the audit log is live for an Aura Owner, until they are none', async () => {
      const after = await now()
      const stream = await follow<EventsSubscription>(EventsDocument, { after }, 'auraA')
      const { secretId } = await createApiKey(server.app.ports, company.members.ownA, {
        instanceId: company.I1,
        name: 'told',
        expiresInDays: 1,
        saveAsSecret: { name: `told_${transport}` },
      })
      const told = [(await stream.next())?.data?.events, (await stream.next())?.data?.events]
      expect(told.map((event) => [event?.kind, event?.version])).toEqual([
        ['API_KEY_CREATED', after + 1],
        ['API_KEY_SAVED_AS_SECRET', after + 2],
      ])
      expect(secretId).toMatch(/^sec_/)
      expect(told[1]?.secret).toBeNull()
      const role = (to: 'MEMBER' | 'AURA_OWNER') => setMemberRole(server.app.ports, company.members.ownA, { id: company.members.auraA.memberId, role: to })
      await role('MEMBER')
      expect((await stream.next())?.errors?.[0]?.extensions.code).toBe('FORBIDDEN')
      expect(await stream.next()).toBeNull()
      await role('AURA_OWNER')
    })

    test('the counts of a page come all at once, then only what changed', async () => {
      const stream = await follow<KeyCountsOfSubscription>(
        KeyCountsOfDocument,
        { appIds: [company.appId], instanceIds: [company.I1, company.I2, company.I2] },
        'ownA',
      )
      const of = async () => (await stream.next())?.data?.keyCountsOf.map(({ app, instance, counts }) => [app?.id ?? instance?.id, counts.total])
      const first = new Map((await of()) as [string, number][])
      expect([...first.keys()].sort()).toEqual([company.appId, company.I1, company.I2].sort())
      await company.createKey('ownA', company.I2)
      expect(new Map((await of()) as [string, number][])).toEqual(
        new Map([
          [company.appId, (first.get(company.appId) ?? 0) + 1],
          [company.I2, (first.get(company.I2) ?? 0) + 1],
        ]),
      )
      await stream.end()
      for (const ids of [{}, { instanceIds: [] }, { instanceIds: Array.from({ length: 101 }, (_, index) => `ins_${index}`) }]) {
        const refused = await follow(KeyCountsOfDocument, ids, 'ownA')
        expect((await refused.next())?.errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', field: 'instanceIds' })
        await refused.end()
      }
    })

    test('streams that ended leave nothing behind', nobody)
  })
}
