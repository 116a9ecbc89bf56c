import { connect } from 'node:net'
import { SignJWT } from 'jose'
import { beforeEach, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import type { LiveOperation, Subscriber } from '../../src/topic.ts'
import { CreateAppDocument, KeyCountsDocument } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { authSecret } from '../support/server.ts'

const { server, company } = await companyOfFile({ WS_MAX_MESSAGES_PER_MINUTE: '120' })
let authorization: string
beforeEach(async () => {
  authorization = `Bearer ${await server.token('ownA', 'a')}`
})

const open = async (): Promise<WebSocket> => {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'])
  socket.on('error', () => undefined)
  await new Promise((resolve) => socket.once('open', resolve))
  return socket
}
const admitted = async (): Promise<WebSocket> => {
  const socket = await open()
  const acknowledged = new Promise((resolve) => socket.once('message', resolve))
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }))
  await acknowledged
  return socket
}
const subscribe = (id: string) =>
  JSON.stringify({ id, type: 'subscribe', payload: { query: KeyCountsDocument.toString(), variables: { instanceId: company.I1 } } })

const readings = async (): Promise<{ sockets: number; streams: number; followed: number }> => {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  const of = (name: string): number => Number(new RegExp(`^aura_keys_${name} (\\d+)`, 'm').exec(text)?.[1])
  return { sockets: of('sockets'), streams: of('event_streams'), followed: server.app.ports.hub.size }
}
const allGone = () => vi.waitFor(async () => expect(await readings()).toEqual({ sockets: 0, streams: 0, followed: 0 }), { timeout: 15_000 })

test('WS-15 sockets that go while their credential is checked leave their places', async () => {
  // Twice as many as a member may have.
  for (let turn = 0; turn < 40; turn++) {
    const socket = await open()
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }), () => socket.terminate())
    await new Promise((resolve) => socket.once('close', resolve))
  }
  await allGone()
  const socket = await admitted()
  expect(socket.readyState).toBe(socket.OPEN)
  socket.terminate()
})

test('WS-15 streams that go while they are prepared leave nothing', async () => {
  const body = JSON.stringify({ query: KeyCountsDocument.toString(), variables: { instanceId: company.I1 } })
  const head = [
    'POST /graphql HTTP/1.1',
    'host: localhost',
    `authorization: ${authorization}`,
    'content-type: application/json',
    'accept: text/event-stream',
    `content-length: ${body.length}`,
  ]
  for (let turn = 0; turn < 40; turn++) {
    const { port, hostname } = new URL(server.url)
    const line = connect(Number(port), hostname)
    await new Promise<void>((resolve) => line.once('connect', resolve))
    line.write(`${head.join('\r\n')}\r\n\r\n${body}`, () => line.destroy())
    await new Promise((resolve) => line.once('close', resolve))
  }
  await allGone()
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    body,
    headers: { authorization, 'content-type': 'application/json', accept: 'text/event-stream' },
  })
  expect(response.status).toBe(200)
  await response.body?.cancel()
  await allGone()
})

test('WS-10 an id that is used again before its operation was prepared is no way to more subscriptions', async () => {
  const socket = await admitted()
  for (let turn = 0; turn < 50; turn++) {
    socket.send(subscribe('same'))
    socket.send(JSON.stringify({ id: 'same', type: 'complete' }))
  }
  socket.send(subscribe('last'))
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(1), 20_000)
  socket.terminate()
  await allGone()
})

test('WS-10 nothing is done any more of what comes after too many messages', async () => {
  const socket = await admitted()
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  for (let turn = 0; turn < 150; turn++) socket.send(JSON.stringify({ type: 'ping' }))
  // The limit is reached with these; the peer has not read so yet, and goes on.
  for (let turn = 0; turn < 10; turn++) {
    const payload = { query: CreateAppDocument.toString(), variables: { input: { slug: `late-${turn}`, name: 'Late' } } }
    socket.send(JSON.stringify({ id: `late ${turn}`, type: 'subscribe', payload }))
  }
  expect(await closed).toBe(1013)
  const { data } = await server.graphql(CreateAppDocument, { input: { slug: 'in-time', name: 'In time' } }, as('ownA'))
  expect(data?.createApp?.app).toBeTruthy()
  expect(await server.sql("SELECT slug FROM app WHERE slug LIKE 'late-%'")).toEqual([])
})

test.each(['counts', 'feed'] as const)('of %s, one who went without reading costs the others nothing until that is said', async (kind) => {
  const { hub } = server.app.ports
  const actor = company.members.ownA
  const sent: string[] = []
  let asked = 0
  const after = await server.app.ports.organizations.version(actor.organizationId)
  const operation: LiveOperation = {
    topic: {
      subjectIds: [company.I1],
      right: () => true,
      sameForAll: true,
      source: kind === 'counts' ? { kind, ids: [company.I1] } : { kind, after },
    },
    key: kind,
    under: () => ({
      read: async (from, upTo) => Array.from({ length: Number(upTo - from) }, (_, index) => ({ version: from + BigInt(index + 1) })),
      ofCounts: async (counts) => JSON.stringify(counts.map(({ active }) => active)),
      ofEvent: async ({ version }) => String(version),
    }),
  }
  const subscriber = (isGone: boolean): Subscriber => ({
    actor,
    send: (json) => void (isGone || sent.push(json)),
    isBehind: isGone,
    drained: async () => {
      asked++
      return !isGone
    },
    end: () => undefined,
    fallBehind: () => undefined,
  })
  const leave = [await hub.join(operation, subscriber(true)), await hub.join(operation, subscriber(false))]
  for (let turn = 0; turn < 3; turn++) {
    const before = sent.length
    await company.createKey('ownA', company.I1)
    await vi.waitFor(() => expect(sent.length).toBeGreaterThan(before), 20_000)
  }
  expect(asked).toBe(1)
  for (const go of leave) go()
  expect(hub.size).toBe(0)
})

test('upgrades that are refused and broken off end no process and keep no connection', async () => {
  const { port, hostname } = new URL(server.url)
  const upgrade = (path: string, origin: string): string =>
    `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\norigin: ${origin}\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n`
  for (let turn = 0; turn < 60; turn++) {
    const line = connect(Number(port), hostname)
    line.on('error', () => undefined)
    await new Promise<void>((resolve) => line.once('connect', resolve))
    line.write(turn % 2 === 0 ? upgrade('/elsewhere', server.url) : upgrade('/graphql', 'https://evil.example'), () => line.resetAndDestroy())
    await new Promise((resolve) => line.once('close', resolve))
  }
  // One that never closes its half is closed from here.
  const held = connect({ port: Number(port), host: hostname, allowHalfOpen: true })
  const ended = new Promise((resolve) => held.once('close', resolve))
  held.on('error', () => undefined).resume()
  held.write(upgrade('/elsewhere', server.url))
  await new Promise((resolve) => held.once('end', resolve))
  await vi.waitFor(() => {
    held.write('x')
    expect(held.destroyed).toBe(true)
  }, 20_000)
  await ended
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
})

test('an organization that is no text of the database refuses its sender and nobody else', async () => {
  const init = async (payload: object): Promise<number | string> => {
    const socket = await open()
    const answer = new Promise<number | string>((resolve) => {
      socket.once('message', (text) => resolve(JSON.parse(String(text)).type))
      socket.once('close', resolve)
    })
    socket.send(JSON.stringify({ type: 'connection_init', payload }))
    const answered = await answer
    socket.terminate()
    return answered
  }
  const claims = new SignJWT({ iss: 'aura-keys', sub: 'ownA' }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1h')
  const unnamed = `Bearer ${await claims.sign(new TextEncoder().encode(authSecret))}`
  const others = ['auraA', 'devA', 'dev2A', 'viewA'].map(async (subject) => ({ authorization: `Bearer ${await server.token(subject, 'a')}` }))
  const [bad, ...good] = await Promise.all([
    Promise.all(['x\u0000y', '\ud800', 'A', "'"].map((organization) => init({ authorization: unnamed, organization }))),
    ...(await Promise.all(others)).map(init),
  ])
  expect(bad).toEqual([4403, 4403, 4403, 4403])
  expect(await init({ authorization: unnamed, organization: 'a' })).toBe('connection_ack')
  expect(good).toEqual(['connection_ack', 'connection_ack', 'connection_ack', 'connection_ack'])
})
