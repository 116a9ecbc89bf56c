import { expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { KeyCountsDocument } from '../generated/operations.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()

interface Opened {
  readonly socket: WebSocket
  /** The close code, and how long after the last message that was sent here. */
  readonly closed: Promise<{ code: number; ms: number }>
}

async function open(options: object = {}, person: 'ownA' | 'devA' = 'ownA'): Promise<Opened> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'], options)
  await new Promise((resolve) => socket.once('open', resolve))
  const began = performance.now()
  const closed = new Promise<{ code: number; ms: number }>((resolve) => socket.once('close', (code) => resolve({ code, ms: performance.now() - began })))
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${await server.token(person, 'a')}` } }))
  return { socket, closed }
}
const acknowledged = ({ socket }: Opened): Promise<string> => new Promise((resolve) => socket.once('message', (data) => resolve(String(data))))

test('WS-12 a peer that answers no pings is ended within 24 seconds, and one that does stays', async () => {
  const [dead, alive] = [await open({ autoPong: false }), await open()]
  await Promise.all([acknowledged(dead), acknowledged(alive)])
  for (const { socket } of [dead, alive]) {
    const payload = { query: KeyCountsDocument.toString(), variables: { instanceId: company.I1 } }
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload }))
  }
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(2), 20_000)
  const { ms } = await dead.closed
  // The promise is 24 seconds; without pings it would take minutes.
  expect(ms).toBeLessThan(40_000)
  expect(ms).toBeGreaterThan(10_000)
  expect(alive.socket.readyState).toBe(WebSocket.OPEN)
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(1), 20_000)
  alive.socket.close()
}, 60_000)

test('WS-01 a socket that never begins is closed with 4408 after three seconds', async () => {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'])
  await new Promise((resolve) => socket.once('open', resolve))
  const began = performance.now()
  // Whatever else it sends is no beginning.
  socket.send(JSON.stringify({ type: 'ping' }))
  const [code, reason] = await new Promise<[number, string]>((resolve) => socket.once('close', (code, reason) => resolve([code, String(reason)])))
  // The limit for whoever began, which is longer, has the same code and another reason.
  expect([code, reason]).toEqual([4408, 'Connection initialisation timeout'])
  const ms = performance.now() - began
  expect(ms).toBeGreaterThan(2_500)
  expect(ms).toBeLessThan(15_000)
})

test('WS-13 a socket whose opening waits for a database that hangs is closed within five seconds', async () => {
  let release: () => void = () => undefined
  const stalled = new Promise<void>((resolve) => {
    release = resolve
  })
  let isLocked: () => void = () => undefined
  const locked = new Promise<void>((resolve) => {
    isLocked = resolve
  })
  const holding = server.app.database.client.$transaction(
    async (statements) => {
      await statements.$executeRawUnsafe('LOCK TABLE member IN ACCESS EXCLUSIVE MODE')
      isLocked()
      await stalled
    },
    { timeout: 20_000 },
  )
  await locked
  // Somebody whom the hub does not know yet.
  const hanging = await open({}, 'devA')
  const { code, ms } = await hanging.closed
  release()
  await holding
  // Late by itself, or told by PostgreSQL that the lock was not to be had; clients try again after either.
  expect([4408, 1013]).toContain(code)
  // Five seconds are the promise, and without a limit it would take as long as the lock.
  expect(ms).toBeLessThan(15_000)
  const again = await open({}, 'devA')
  expect(JSON.parse(await acknowledged(again))).toEqual({ type: 'connection_ack' })
  again.socket.close()
}, 30_000)

test('a message in too many fragments closes the socket', async () => {
  const opened = await open()
  await acknowledged(opened)
  for (let fragment = 0; fragment < 100; fragment++) opened.socket.send(' ', { fin: false })
  expect((await opened.closed).code).toBe(1008)
})
