import { afterEach, describe, expect, test } from 'vitest'
import type { Actor } from '../../src/access/actor.ts'
import { createApp } from '../../src/apps/create-app.ts'
import { newId } from '../../src/ids.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { bootstrapOrganization } from '../../src/organizations/bootstrap-organization.ts'
import { requestStatements, startServer, type TestServer } from '../support/server.ts'
import { expectAll, nameOne, overHttp, refused, sign, ways } from './ways.ts'

const servers: TestServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0).reverse()) await server.close()
})
const start = async (environment: Record<string, string> = {}): Promise<TestServer> => {
  const server = await startServer({ WS_MAX_SOCKETS_PER_MEMBER: '1000', FAILED_CREDENTIALS_PER_MINUTE: '100000', ...environment })
  servers.push(server)
  return server
}
const anotherNode = async (of: TestServer): Promise<TestServer> => {
  const node = await of.node()
  servers.push(node)
  return node
}

const actorOf = (ids: { organizationId: string; memberId: string }): Actor => ({
  ...ids,
  subject: 'unused',
  role: 'OWNER',
  organizationVersion: 0n,
  expiresAt: new Date(8.64e15),
})
const found = async ({ app }: TestServer, slug: string, subject: string): Promise<Actor> =>
  actorOf(await bootstrapOrganization(app.ports, { slug, name: slug, owner: { subject, name: subject } }))
const join = ({ app }: TestServer, owner: Actor, subject: string) => addMember(app.ports, owner, { subject, name: subject, role: 'AURA_OWNER' })
/** Makes the one key that `a` has. */
async function addKey({ app: { ports } }: TestServer, owner: Actor): Promise<void> {
  const { appId } = await createApp(ports, owner, { slug: 'x', name: 'x' })
  const { instanceId } = await createAppInstance(ports, owner, { appId, name: 'x' })
  await createApiKey(ports, owner, { instanceId, name: 'x', expiresInDays: 1 })
}

test('what a token without an organization means never depends on where else its subject was added or removed, on any transport or node', async () => {
  const server = await start()
  const nodes = [server, await anotherNode(server)]
  const bare = await sign(server, 'ada')
  await expectAll(nodes, bare, undefined, refused)

  // The only organization there is: nothing needs to be named.
  const ownA = await found(server, 'a', 'ownA')
  await addKey(server, ownA)
  const { memberId } = await join(server, ownA, 'ada')
  await expectAll(nodes, bare, undefined, 'a')
  await expectAll(nodes, await sign(server, 'stranger'), undefined, refused)
  const named: [token: string, beside: unknown][] = [
    [await sign(server, 'ada', { org: 'a' }), undefined],
    [await sign(server, 'ada', { org: ownA.organizationId }), undefined],
    // The claim wins.
    [await sign(server, 'ada', { org: 'a' }), 'b'],
    [bare, 'a'],
    [bare, ownA.organizationId],
  ]
  const expectNamed = async (expected: string): Promise<void> => {
    for (const [token, beside] of named) await expectAll(nodes, token, beside, expected)
  }
  await expectNamed('a')
  // What is named wrongly is not as if nothing were.
  for (const beside of ['', 'A', 'a_', 'b', 'a, a']) await expectAll(nodes, bare, beside, refused)

  // A second one, of whose making the other node is not told: refused from then on, and what is named goes on.
  const ownB = await found(server, 'b', 'ownB')
  await expectAll(nodes, bare, undefined, nameOne)
  await expectAll(nodes, await sign(server, 'ownB'), undefined, nameOne)
  await expectAll(nodes, await sign(server, 'ada', {}, 'another secret of at least 32 characters'), undefined, refused)
  await expectAll(nodes, await sign(server, 'ada', { exp: 1 }), undefined, refused)
  await expectAll(nodes, bare, 'b', refused)
  await expectNamed('a')

  // Added there without being asked.
  const there = await join(server, ownB, 'ada')
  await expectAll(nodes, bare, undefined, nameOne)
  await expectNamed('a')
  await expectAll(nodes, bare, 'b', 'b')
  await expectAll(nodes, bare, ownB.organizationId, 'b')

  // Removed here: the same tokens do not begin to act there.
  await removeMember(server.app.ports, ownA, { id: memberId, acknowledged: true })
  await expectAll(nodes, bare, undefined, nameOne)
  await expectNamed(refused)
  await expectAll(nodes, bare, 'b', 'b')

  // A third one, and nowhere a member any more.
  await found(server, 'c', 'ownC')
  await expectAll(nodes, bare, undefined, nameOne)
  await removeMember(server.app.ports, ownB, { id: there.memberId, acknowledged: true })
  await expectAll(nodes, bare, undefined, nameOne)
  await expectAll(nodes, bare, 'b', refused)
}, 120_000)

test('an organization that is no text in connection_init is refused, not overlooked', async () => {
  const server = await start()
  await found(server, 'a', 'ada')
  const bare = await sign(server, 'ada')
  for (const organization of [5, true, ['a'], { slug: 'a' }])
    expect([organization, await ways['WebSocket']?.(server, bare, organization)]).toEqual([organization, refused])
  expect(await ways['WebSocket']?.(server, bare, null)).toBe('a')
})

describe('AUTH_DEFAULT_ORGANIZATION', () => {
  for (const kind of ['slug', 'id'] as const) {
    test(`is what a token without an organization means, by ${kind}, whatever else there is, and nothing else once its subject is none there`, async () => {
      const id = newId('org')
      const server = await start({ AUTH_DEFAULT_ORGANIZATION: kind === 'slug' ? 'a' : id })
      const nodes = [server, await anotherNode(server)]
      const { ports } = server.app
      const bare = await sign(server, 'ada')
      await found(server, 'b', 'ada')
      // Not the only one there is, since it is not the one that is set.
      await expectAll(nodes, bare, undefined, refused)
      const ownA = actorOf({ organizationId: id, memberId: newId('mem') })
      await ports.change({ id, slug: 'a', name: 'a' }, async ({ members, now, record }) => {
        const row = { id: ownA.memberId, organizationId: id, subject: 'ownA', name: 'ownA', email: null, role: 'OWNER' as const, joinedAt: now }
        await members.insert(row)
        record({ kind: 'MEMBER_ADDED', subjectName: 'ownA', actorId: row.id, memberId: row.id })
      })
      await addKey(server, ownA)
      await expectAll(nodes, bare, undefined, refused)
      const { memberId } = await join(server, ownA, 'ada')
      await expectAll(nodes, bare, undefined, 'a')
      await expectAll(nodes, bare, 'b', 'b')
      await expectAll(nodes, await sign(server, 'ada', { org: 'b' }), undefined, 'b')
      await found(server, 'c', 'ada')
      await expectAll(nodes, bare, undefined, 'a')
      await removeMember(ports, ownA, { id: memberId, acknowledged: true })
      await expectAll(nodes, bare, undefined, refused)
      await expectAll(nodes, bare, 'b', 'b')
    }, 120_000)
  }
})

test('a token without an organization costs no more statements than one with it, and a thousand who come back at once a handful', async () => {
  const server = await start()
  await addKey(server, await found(server, 'a', 'ada'))
  const { ports } = server.app
  const bare = await sign(server, 'ada')
  const named = await sign(server, 'ada', { org: 'a' })
  const cost = async (token: string, expected: string): Promise<number> => {
    server.statements.length = 0
    expect(await overHttp(server, token)).toBe(expected)
    return requestStatements(server).length
  }
  expect(await cost(named, 'a')).toBe(2)
  expect(await cost(bare, 'a')).toBe(2)
  const identity = await ports.identify({ authorization: `Bearer ${bare}`, organization: undefined })
  server.statements.length = 0
  const actors = await Promise.all(Array.from({ length: 1_000 }, () => ports.authenticateLive(identity)))
  expect(new Set(actors.map(({ subject, role }) => `${subject} ${role}`))).toEqual(new Set(['ada OWNER']))
  expect(requestStatements(server).length).toBeLessThanOrEqual(6)
  await found(server, 'b', 'ownB')
  // What was asked before is kept: only who asks is looked for.
  expect(await cost(named, 'a')).toBe(1)
  expect(await cost(bare, nameOne)).toBe(1)
})

test('a credential is checked without the database', async () => {
  const server = await start()
  await found(server, 'a', 'ada')
  const { identify } = server.app.ports
  server.statements.length = 0
  const expiresAt = new Date(Math.floor(server.time.now.getTime() / 1000) * 1000 + 3_600_000)
  const bearer = async (sub: string, claims: object = {}) => `Bearer ${await sign(server, sub, claims)}`
  expect(await identify({ authorization: await bearer('ada'), organization: undefined })).toEqual({ subject: 'ada', organization: null, expiresAt })
  expect(await identify({ authorization: await bearer('x', { org: 'b' }), organization: 'a' })).toEqual({ subject: 'x', organization: 'b', expiresAt })
  for (const authorization of [undefined, null, 'Bearer x', await bearer('ada', { exp: 1 }), await bearer('a b'), `${await bearer('ada')}x`])
    await expect(identify({ authorization, organization: 'a' })).rejects.toMatchObject({ extensions: { code: 'UNAUTHENTICATED' } })
  expect(requestStatements(server)).toEqual([])
})
