import { SignJWT } from 'jose'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Actor } from '../../src/access/actor.ts'
import { createApp } from '../../src/apps/create-app.ts'
import { newId } from '../../src/ids.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { bootstrapOrganization } from '../../src/organizations/bootstrap-organization.ts'
import { authSecret, requestStatements, startServer, type TestServer } from '../support/server.ts'

const servers: TestServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0).reverse()) await server.close()
})
const start = async (environment: Record<string, string> = {}): Promise<TestServer> => {
  const server = await startServer({ WS_MAX_SOCKETS_PER_MEMBER: '1000', ...environment })
  servers.push(server)
  return server
}
const anotherNode = async (of: TestServer): Promise<TestServer> => {
  const node = await of.node()
  servers.push(node)
  return node
}

/** A token with any claims beside its subject, of this server's time. */
const sign = ({ time }: TestServer, sub: string, claims: object = {}, secret = authSecret): Promise<string> =>
  new SignJWT({ iss: 'aura-keys', sub, exp: Math.floor(time.now.getTime() / 1000) + 3600, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret))

const refused = 'refused'
const nameOne = 'name an organization'
/** The texts of the two refusals; a socket's are the reason of its close. */
const texts: Readonly<Record<string, string>> = {
  'Send a valid, unexpired token of a member of an organization as "Authorization: Bearer …".': refused,
  'Name an organization, its id or slug: by the claim "org" of the token, the header X-Aura-Organization, or over WebSocket "organization" in connection_init.':
    nameOne,
  'UNAUTHENTICATED 4403 Forbidden': refused,
  'UNAUTHENTICATED 4403 Name an organization, its id or slug: "organization" in connection_init, or the claim of the token': nameOne,
}

interface Answer {
  readonly data?: { viewer?: { organization: { slug: string } }; keyCounts?: { total: number } } | null
  readonly errors?: readonly { message: string; extensions: { code: string } }[]
}

/** The slug of the organization that an operation acted in, as many keys as `a` has being one and the others none; else how it was refused. */
function outcome({ data, errors }: Answer): string {
  const [error] = errors ?? []
  if (error) return error.extensions.code === 'UNAUTHENTICATED' ? (texts[error.message] ?? error.message) : error.extensions.code
  return data?.viewer?.organization.slug ?? (data?.keyCounts?.total === 1 ? 'a' : 'b')
}

const query = '{ viewer { organization { slug } } }'
const subscription = 'subscription { keyCounts { total } }'

type Way = (at: TestServer, token: string, named?: unknown) => Promise<string>

const headersOf = (named: unknown): Record<string, string> => (named === undefined ? {} : { 'x-aura-organization': String(named) })

const overHttp: Way = async (at, token, named) =>
  outcome((await (await at.post({ query }, { authorization: `Bearer ${token}` }, headersOf(named))).json()) as Answer)

const overSocket =
  (text: string): Way =>
  async (at, token, named) => {
    const socket = new WebSocket(`${at.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'])
    const say = (message: object): void => socket.send(JSON.stringify(message))
    const answer = await new Promise<Answer>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('open', () =>
        say({ type: 'connection_init', payload: { authorization: `Bearer ${token}`, ...(named === undefined ? {} : { organization: named }) } }),
      )
      socket.on('message', (bytes) => {
        const { type, payload } = JSON.parse(String(bytes)) as { type: string; payload: never }
        if (type === 'connection_ack') say({ id: '1', type: 'subscribe', payload: { query: text } })
        if (type === 'next') resolve(payload)
        if (type === 'error') resolve({ errors: payload })
      })
      socket.on('close', (code, reason) =>
        resolve({
          errors: [{ message: `UNAUTHENTICATED ${code} ${String(reason)}`, extensions: { code: code === 4403 ? 'UNAUTHENTICATED' : `CLOSED ${code}` } }],
        }),
      )
    })
    socket.terminate()
    return outcome(answer)
  }

const overEvents =
  (text: string): Way =>
  async (at, token, named) => {
    const leaving = new AbortController()
    const response = await fetch(`${at.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${token}`, ...headersOf(named) },
      body: JSON.stringify({ query: text }),
      signal: leaving.signal,
    })
    let received = ''
    for await (const part of response.body ?? []) {
      received += Buffer.from(part).toString()
      if (/^data: \{.*\}$/m.test(received) || received.endsWith('}')) break
    }
    leaving.abort()
    return outcome(JSON.parse(/^data: (\{.*\})$/m.exec(received)?.[1] ?? received) as Answer)
  }

const ways: Readonly<Record<string, Way>> = {
  HTTP: overHttp,
  WebSocket: overSocket(query),
  'a subscription over WebSocket': overSocket(subscription),
  SSE: overEvents(query),
  'a subscription over SSE': overEvents(subscription),
}

/** Expects the same on every way and every node. */
async function expectAll(nodes: readonly TestServer[], token: string, named: unknown, expected: string): Promise<void> {
  const asked = nodes.flatMap((node, index) => Object.entries(ways).map(([way, ask]) => ({ at: `${way}, node ${index}`, answer: ask(node, token, named) })))
  const answers = await Promise.all(asked.map(async ({ at, answer }) => [at, await answer]))
  expect({ named, answers }).toEqual({ named, answers: answers.map(([at]) => [at, expected]) })
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
  expect(await cost(named, 'a')).toBe(2)
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
