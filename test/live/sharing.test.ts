import { buildSchema, isObjectType } from 'graphql'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { scopeOfAll } from '../../src/access/scope.ts'
import { printSchema } from '../../src/api/print-schema.ts'
import { createSharedContext } from '../../src/graphql/context.ts'
import { shareable } from '../../src/graphql/shareable.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { setMemberRole } from '../../src/members/set-member-role.ts'
import { ApiKeyChangedDocument, EventsDocument, KeyCountsDocument, KeyCountsOfDocument } from '../generated/operations.ts'
import { as, type Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { requestStatements } from '../support/server.ts'
import { type Stream, transports } from '../support/subscribe.ts'

const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })
beforeEach(() => vi.waitFor(() => expect(server.app.ports.hub.size).toBe(0), 20_000))

const schema = buildSchema(printSchema())

const groups = () => server.app.ports.hub.groups
/** Waits until this many subscriptions are open, and answers how many groups they form. */
const grouped = async (size: number): Promise<number> => {
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(size), 20_000)
  return groups()
}

const countsInRows = 'subscription ($instanceIds: [ID!]) { keyCountsOf(instanceIds: $instanceIds) { instance { id keyCounts { active version } } } }'

for (const [transport, subscribe] of Object.entries(transports)) {
  describe(`over ${transport}`, () => {
    const follow = async <Data = Record<string, never>>(document: { toString(): string }, variables: object, person: Person): Promise<Stream<Data>> => {
      const { subject, organization } = as(person)
      return subscribe<Data>(server, document.toString(), variables, `Bearer ${await server.token(subject, organization)}`)
    }
    const endAll = (streams: Stream<unknown>[]) => Promise.all(streams.map((stream) => stream.end()))

    for (const [what, document, variables] of [
      ['counts', KeyCountsDocument, () => ({ instanceId: company.I1 })],
      ['the counts of a page', KeyCountsOfDocument, () => ({ instanceIds: [company.I1, company.I2] })],
      ['the counts in the rows of a page', countsInRows, () => ({ instanceIds: [company.I1, company.I2] })],
    ] as const) {
      test(`one change costs as many statements for forty watchers of ${what} as for one`, async () => {
        const costOf = async (watchers: number): Promise<number> => {
          const streams = await Promise.all(Array.from({ length: watchers }, () => follow(document, variables(), 'ownA')))
          await Promise.all(streams.map((stream) => stream.next()))
          expect(await grouped(watchers)).toBe(1)
          await company.createKey('ownA', company.I1)
          // The writer's statements are done when it answers; some of the hub's may have come before.
          const before = server.statements.length
          await Promise.all(streams.map((stream) => stream.next()))
          const cost = server.statements.slice(before).filter((sql) => /key_count|app_instance|INSTANCE_ACCESS_CHANGED/.test(sql)).length
          await endAll(streams)
          await grouped(0)
          return cost
        }
        const [one, many] = [await costOf(1), await costOf(40)]
        // A poll may fall in between.
        expect(many).toBeLessThanOrEqual(Math.max(one, 3) + 1)
      })
    }

    test('one event is read once for forty who follow it', async () => {
      const streams = await Promise.all(Array.from({ length: 40 }, () => follow(ApiKeyChangedDocument, { instanceId: company.I1 }, 'devA')))
      expect(await grouped(40)).toBe(1)
      server.statements.length = 0
      const key = await company.createKey('ownA', company.I1)
      for (const stream of streams) expect((await stream.next())?.data).toMatchObject({ apiKeyChanged: { apiKey: { id: key.id } } })
      expect(server.statements.filter((sql) => /FROM ("public"\."event"|event t0)/.test(sql))).toHaveLength(1)
      await endAll(streams)
    })

    test('a late joiner gets the last value from memory, without a statement', async () => {
      const first = await follow(KeyCountsDocument, { instanceId: company.I1 }, 'devA')
      const value = await first.next()
      await vi.waitFor(() => expect(groups()).toBe(1), 20_000)
      server.statements.length = 0
      const late = await follow(KeyCountsDocument, { instanceId: company.I1 }, 'devA')
      expect(await late.next()).toEqual(value)
      expect(requestStatements(server).filter((sql) => /key_count/.test(sql))).toEqual([])
      await late.end()
      await first.end()
    })

    test("members with different grants share an instance's badge, an owner too", async () => {
      await setInstanceAccess(server.app.ports, company.members.ownA, { instanceId: company.I2, memberId: company.members.dev2A.memberId, role: 'USER' })
      const streams = await Promise.all(
        (['devA', 'dev2A', 'ownA', 'auraA'] as const).map((person) => follow(KeyCountsDocument, { instanceId: company.I1 }, person)),
      )
      const answers = await Promise.all(streams.map((stream) => stream.next()))
      expect(await grouped(4)).toBe(1)
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
      await endAll(streams)
      await setInstanceAccess(server.app.ports, company.members.ownA, { instanceId: company.I2, memberId: company.members.dev2A.memberId, role: null })
    })

    test('viewers of different scope never share: other members, other organizations, and members against owners', async () => {
      await company.createKey('ownA', company.I2)
      const people = ['devA', 'dev2A', 'viewA', 'ownA', 'ownB', 'devB'] as const
      const streams = await Promise.all(people.map((person) => follow<{ keyCounts: { active: number } }>(KeyCountsDocument, {}, person)))
      const numbers = await Promise.all(streams.map(async (stream) => (await stream.next())?.data?.keyCounts.active))
      expect(await grouped(people.length)).toBe(people.length)
      const counted = async (where: string, ...values: string[]) =>
        Number((await server.sql<{ n: number }>(`SELECT count(*)::int AS n FROM api_key WHERE status = 'ACTIVE' AND ${where}`, ...values))[0]?.n)
      const [inI1, inA] = [await counted('instance_id = $1', company.I1), await counted('organization_id = $1', company.members.ownA.organizationId)]
      expect(inA).toBeGreaterThan(inI1)
      expect(numbers).toEqual([inI1, inI1, 0, inA, 0, 0])
      await endAll(streams)
    })

    test('two owners share the numbers of the whole organization, and the audit log', async () => {
      const streams = await Promise.all(
        (['ownA', 'auraA'] as const).flatMap((person) => [follow(KeyCountsDocument, {}, person), follow(KeyCountsDocument, { appId: company.appId }, person)]),
      )
      await Promise.all(streams.map((stream) => stream.next()))
      expect(await grouped(4)).toBe(2)
      await endAll(streams)
      await grouped(0)
      const query = 'subscription { events { version kind } }'
      const logs = await Promise.all((['ownA', 'auraA'] as const).map((person) => follow(query, {}, person)))
      expect(await grouped(2)).toBe(1)
      await endAll(logs)
      await grouped(0)
      // The name of a secret is told to some owners only, so this selection is nobody else's.
      const named = await Promise.all((['ownA', 'auraA'] as const).map((person) => follow(EventsDocument, {}, person)))
      expect(await grouped(2)).toBe(2)
      await endAll(named)
    })

    test('one viewer-dependent field ends the sharing, and each is told their own', async () => {
      const query = 'subscription ($id: ID) { apiKeyChanged(instanceId: $id) { apiKey { id viewerCanRevoke } } }'
      const people = ['devA', 'dev2A', 'ownA'] as const
      const streams = await Promise.all(people.map((person) => follow(query, { id: company.I1 }, person)))
      expect(await grouped(3)).toBe(3)
      const key = await company.createKey('ownA', company.I1)
      for (const [index, may] of [true, false, true].entries())
        expect((await streams[index]?.next())?.data).toEqual({ apiKeyChanged: { apiKey: { id: key.id, viewerCanRevoke: may } } })
      await endAll(streams)
    })

    test('other variables are another group, the same in another order are not', async () => {
      const query = 'subscription ($a: ID, $b: ID) { apiKeyChanged(instanceId: $a, appId: $b) { version } }'
      const streams = await Promise.all(
        [{ a: company.I1, b: company.appId }, { b: company.appId, a: company.I1 }, { a: company.I2, b: company.appId }, { a: company.I1 }].map((variables) =>
          follow(query, variables, 'ownA'),
        ),
      )
      expect(await grouped(4)).toBe(3)
      await endAll(streams)
    })

    test('whoever goes on from an older version shares once it caught up', async () => {
      const after = Number(await server.app.ports.organizations.version(company.members.ownA.organizationId))
      const live = await follow<{ apiKeyChanged: { version: number } }>(ApiKeyChangedDocument, { after }, 'ownA')
      for (let made = 0; made < 5; made++) await company.createKey('ownA', company.I1)
      const late = await follow<{ apiKeyChanged: { version: number } }>(ApiKeyChangedDocument, { after: after + 2 }, 'ownA')
      for (const [stream, first] of [
        [live, 1],
        [late, 3],
      ] as const)
        for (let step = first; step <= 5; step++) expect((await stream.next())?.data?.apiKeyChanged.version).toBe(after + step)
      await vi.waitFor(() => expect(groups()).toBe(1), 20_000)
      await company.createKey('ownA', company.I1)
      for (const stream of [live, late]) expect((await stream.next())?.data?.apiKeyChanged.version).toBe(after + 6)
      await endAll([live, late])
    })

    test('a new role moves a watcher to the numbers that it sees now', async () => {
      const { ports } = server.app
      const change = (role: 'MEMBER' | 'AURA_OWNER') => setMemberRole(ports, company.members.ownA, { id: company.members.viewA.memberId, role })
      const stream = await follow<{ keyCounts: { active: number } }>(KeyCountsDocument, {}, 'viewA')
      const active = async () => (await stream.next())?.data?.keyCounts.active
      expect(await active()).toBe(0)
      await change('AURA_OWNER')
      expect(await active()).toBeGreaterThan(0)
      await change('MEMBER')
      expect(await active()).toBe(0)
      await stream.end()
    })

    test('an id of another kind is nothing that one may watch', async () => {
      for (const [document, variables] of [
        [KeyCountsDocument, { instanceId: company.appId }],
        [KeyCountsDocument, { appId: company.I2 }],
        [KeyCountsOfDocument, { instanceIds: [company.appId] }],
        [KeyCountsOfDocument, { appIds: [company.members.viewA.organizationId] }],
        [ApiKeyChangedDocument, { instanceId: company.appId }],
        [ApiKeyChangedDocument, { appId: company.I2 }],
      ] as const) {
        const stream = await follow(document, variables, 'viewA')
        expect((await stream.next())?.errors?.[0]?.extensions.code).toBe('NOT_FOUND')
        await stream.end()
      }
    })

    test('whatever may be shared can be executed for nobody in particular', async () => {
      const everything = (type: string, depth: number): string => {
        const fields = schema.getType(type)
        if (!isObjectType(fields)) return ''
        return (shareable[type] ?? [])
          .flatMap((name) => {
            const inner = String(fields.getFields()[name]?.type).replace(/\W/g, '')
            if (!isObjectType(schema.getType(inner))) return [name]
            return depth > 0 ? [`${name} { ${everything(inner, depth - 1)} }`] : []
          })
          .join(' ')
      }
      const query = (field: string, type: string) => `subscription { ${field} { ${everything(type, 2)} } }`
      const instances = `keyCountsOf(instanceIds: ["${company.I1}"], appIds: ["${company.appId}"])`
      const [changes, log, counts] = [
        await follow(query('apiKeyChanged', 'ApiKeyChange'), {}, 'ownA'),
        await follow(query('events', 'Event'), {}, 'ownA'),
        await follow(query(instances, 'KeyCountsOf'), {}, 'ownA'),
      ]
      expect((await counts.next())?.errors).toBeUndefined()
      expect(await grouped(3)).toBe(3)
      const key = await company.createKey('ownA', company.I1)
      expect(await changes.next()).toMatchObject({ data: { apiKeyChanged: { apiKey: { id: key.id, createdBy: { name: 'ownA' } } } } })
      expect(await log.next()).toMatchObject({ data: { events: { apiKey: { id: key.id }, instance: { name: 'I1' } } } })
      expect((await counts.next())?.errors).toBeUndefined()
      await endAll([changes, log, counts])
    })
  })
}

test('a shared execution that asks who is there fails, and so does its scope', () => {
  const context = createSharedContext(server.app.ports, scopeOfAll(company.members.ownA.organizationId))
  expect(() => context.actor).toThrow('nobody')
  expect(() => context.scope.memberId).toThrow('nobody')
  expect(() => context.scope.role).toThrow('nobody')
})
