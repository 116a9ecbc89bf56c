import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { KeyCountsDocument } from '../generated/operations.ts'
import { as, type Company, createCompany } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { transports } from '../support/subscribe.ts'

let server: TestServer
let company: Company

beforeAll(async () => {
  server = await startServer({
    WS_MAX_SOCKETS_PER_MEMBER: '3',
    WS_MAX_SUBSCRIPTIONS_PER_SOCKET: '2',
    WS_MAX_MESSAGES_PER_MINUTE: '40',
    WS_MAX_FRAME_BYTES: '2048',
  })
  company = await createCompany(server)
})
afterAll(() => server.close())

interface RawSocket {
  readonly socket: WebSocket
  send(message: object): void
  /** The next message; null once the socket is closed. */
  next(): Promise<{ type: string; id?: string; payload?: unknown } | null>
  readonly closed: Promise<number>
}

/** A socket without a client library: what the server says is what the test sees. */
async function open(subject: string): Promise<RawSocket> {
  const authorization = `Bearer ${await server.token(subject, 'a')}`
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'])
  const held: (string | null)[] = []
  const waiting: ((text: string | null) => void)[] = []
  const put = (text: string | null): void => {
    const take = waiting.shift()
    if (take) take(text)
    else held.push(text)
  }
  socket.on('message', (text) => put(String(text)))
  socket.on('error', () => undefined)
  const closed = new Promise<number>((resolve) =>
    socket.on('close', (code) => {
      put(null)
      resolve(code)
    }),
  )
  await new Promise((resolve) => socket.once('open', resolve))
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }))
  return {
    socket,
    closed,
    send: (message) => socket.send(JSON.stringify(message)),
    next: async () => {
      const text = held.length > 0 ? (held.shift() ?? null) : await new Promise<string | null>((resolve) => waiting.push(resolve))
      return text === null ? null : JSON.parse(text)
    },
  }
}

const subscribe = (id: string) => ({ id, type: 'subscribe', payload: { query: KeyCountsDocument.toString(), variables: { instanceId: company.I1 } } })

test('WS-10 a member has so many sockets, and another member their own', async () => {
  const sockets = await Promise.all([open('devA'), open('devA'), open('devA')])
  for (const socket of sockets) expect((await socket.next())?.type).toBe('connection_ack')
  expect(await (await open('devA')).closed).toBe(1013)
  const other = await open('dev2A')
  expect((await other.next())?.type).toBe('connection_ack')
  sockets[0]?.socket.close()
  await sockets[0]?.closed
  await vi.waitFor(async () => {
    const again = await open('devA')
    expect((await again.next())?.type).toBe('connection_ack')
    again.socket.close()
  }, 20_000)
  for (const socket of [...sockets, other]) socket.socket.close()
})

test('WS-10 a socket has so many subscriptions; one more is refused and the others stay', async () => {
  const socket = await open('ownA')
  expect((await socket.next())?.type).toBe('connection_ack')
  for (const id of ['1', '2']) {
    socket.send(subscribe(id))
    expect(await socket.next()).toMatchObject({ id, type: 'next' })
  }
  socket.send(subscribe('3'))
  expect(await socket.next()).toMatchObject({ id: '3', type: 'error', payload: [{ extensions: { code: 'RATE_LIMITED' } }] })
  await company.createKey('ownA', company.I1)
  expect(new Set([(await socket.next())?.id, (await socket.next())?.id])).toEqual(new Set(['1', '2']))
  socket.socket.close()
})

test('WS-10 a socket that talks too much is closed', async () => {
  const socket = await open('auraA')
  expect((await socket.next())?.type).toBe('connection_ack')
  for (let sent = 0; sent < 60; sent++) socket.send({ type: 'ping' })
  expect(await socket.closed).toBe(1013)
})

test('a frame that is too large closes the socket, and the others notice nothing', async () => {
  const [large, other] = [await open('viewA'), await open('auraA')]
  large.send({ id: '1', type: 'subscribe', payload: { query: `{ apps { id } } # ${'x'.repeat(4_000)}` } })
  expect(await large.closed).toBe(1009)
  expect((await other.next())?.type).toBe('connection_ack')
  other.send(subscribe('1'))
  expect(await other.next()).toMatchObject({ id: '1', type: 'next' })
  other.socket.close()
})

test('WS-14 mutations over a socket obey the same rights', async () => {
  const query = 'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } } }'
  const input = { instanceId: company.I1, name: 'over a socket', expiresInDays: 1 }
  const [stranger, member] = [await open('viewA'), await open('devA')]
  for (const socket of [stranger, member]) {
    await socket.next()
    socket.send({ id: '1', type: 'subscribe', payload: { query, variables: { input } } })
  }
  expect(await stranger.next()).toMatchObject({ payload: { data: { createApiKey: null }, errors: [{ extensions: { code: 'NOT_FOUND' } }] } })
  expect(await member.next()).toMatchObject({ payload: { data: { createApiKey: { apiKey: { id: expect.stringMatching(/^key_/) } } } } })
  expect(await server.sql("SELECT 1 FROM api_key WHERE name = 'over a socket'")).toHaveLength(1)
  for (const { socket } of [stranger, member]) socket.close()
})

test('WS-16 a subscription that fails inside is masked, ends alone, and the socket stays', async () => {
  const socket = await open('ownA')
  await socket.next()
  socket.send(subscribe('1'))
  expect(await socket.next()).toMatchObject({ id: '1', type: 'next' })
  await server.app.database.client.$executeRawUnsafe('ALTER TABLE key_count RENAME TO key_count_gone')
  await setInstanceAccess(server.app.ports, company.members.ownA, { instanceId: company.I1, memberId: company.members.viewA.memberId, role: 'USER' })
  const failed = await socket.next()
  await server.app.database.client.$executeRawUnsafe('ALTER TABLE key_count_gone RENAME TO key_count')
  expect(failed).toMatchObject({ id: '1', payload: { errors: [{ extensions: { code: 'INTERNAL' } }] } })
  expect(JSON.stringify(failed)).not.toContain('key_count')
  expect(await socket.next()).toMatchObject({ id: '1', type: 'complete' })
  socket.send(subscribe('2'))
  expect(await socket.next()).toMatchObject({ id: '2', type: 'next' })
  socket.socket.close()
})

test('a reader that stops reading costs no memory, and the others get every change', async () => {
  const slow = await open('ownA')
  await slow.next()
  slow.send(subscribe('1'))
  await slow.next()
  slow.socket.pause()
  const { subject, organization } = as('auraA')
  const quick = transports.WebSocket<{ keyCounts: { active: number } }>(
    server,
    KeyCountsDocument.toString(),
    { instanceId: company.I1 },
    `Bearer ${await server.token(subject, organization)}`,
  )
  const before = (await quick.next())?.data?.keyCounts.active ?? 0
  for (let made = 1; made <= 20; made++) {
    await company.createKey('ownA', company.I1)
    let seen = 0
    while (seen < before + made) seen = (await quick.next())?.data?.keyCounts.active ?? Number.NaN
  }
  await quick.end()
  slow.socket.resume()
  let newest = 0
  while (newest < before + 20) {
    const { payload } = (await slow.next()) as { payload: { data: { keyCounts: { active: number } } } }
    newest = payload.data.keyCounts.active
  }
  expect(newest).toBe(before + 20)
  slow.socket.close()
})
