import { connect } from 'node:net'
import { beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createCompany } from '../support/company.ts'
import { serverOfFile } from '../support/file-server.ts'

const server = await serverOfFile({ ALLOWED_ORIGINS: 'https://portal.example,https://second.example' })
let authorization: string

beforeAll(async () => {
  await createCompany(server)
  authorization = `Bearer ${await server.token('ownA', 'a')}`
})

/** Upgrades without a client library, which would itself object to what the server does; answers the status, and the code of a close. */
function upgrade(headers: Record<string, string>): Promise<{ status: number; closed: number | null }> {
  return new Promise((resolve, reject) => {
    const { port, hostname, host } = new URL(server.url)
    const line = connect(Number(port), hostname)
    const all = {
      host,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      ...headers,
    }
    line.write(
      `GET /graphql HTTP/1.1\r\n${Object.entries(all)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('')}\r\n`,
    )
    let received = Buffer.alloc(0)
    line.on('data', (part) => {
      received = Buffer.concat([received, part])
      const end = received.indexOf('\r\n\r\n')
      if (end < 0) return
      const frame = received.subarray(end + 4)
      const status = Number(received.toString('latin1').split(' ')[1])
      const isWaiting = status === 101 && headers['sec-websocket-protocol'] === 'graphql-transport-ws'
      // 0x88 begins a close, of which the third and fourth byte are the code.
      if (!isWaiting && status === 101 && frame.length < 4) return
      line.destroy()
      resolve({ status, closed: frame[0] === 0x88 ? frame.readUInt16BE(2) : null })
    })
    line.on('error', reject)
  })
}
const transportWs = { 'sec-websocket-protocol': 'graphql-transport-ws' }

test('WS-04 the legacy subprotocol, an unknown one and none are closed with 4406 before anything is said', async () => {
  expect(await upgrade(transportWs)).toEqual({ status: 101, closed: null })
  for (const headers of [{ 'sec-websocket-protocol': 'graphql-ws' }, { 'sec-websocket-protocol': 'soap' }, {}] as Record<string, string>[])
    expect([headers, await upgrade(headers)]).toEqual([headers, { status: 101, closed: 4406 }])
})

const foreign = () => [
  'https://evil.example',
  'null',
  'https://portal.example.evil.example',
  'http://portal.example',
  'https://portal.example:8443',
  `${server.url}.evil.example`,
  'file://',
  '',
]

test('WS-07 an upgrade from a page of another origin, or of one without a name, is refused with 403, cookie or not', async () => {
  for (const origin of foreign())
    for (const cookie of [{}, { cookie: 'session=1' }] as Record<string, string>[])
      expect([origin, await upgrade({ ...transportWs, ...cookie, origin })]).toEqual([origin, { status: 403, closed: null }])
})

test('WS-07 pages of allowed origins and of the own one, and programs that send none, are accepted with a bearer', async () => {
  for (const origin of ['https://portal.example', 'https://second.example', server.url, undefined]) {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'], origin === undefined ? {} : { origin })
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    const answered = new Promise((resolve) => socket.once('message', (text) => resolve(JSON.parse(String(text)))))
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }))
    expect([origin, await answered]).toEqual([origin, { type: 'connection_ack' }])
    socket.terminate()
  }
})

test('WS-07 a cookie that is no session is no credential, whatever is in it', async () => {
  const headers = { cookie: `authorization=${authorization}; token=${authorization}` }
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'], { origin: server.url, headers })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.once('open', () => socket.send(JSON.stringify({ type: 'connection_init' })))
  expect(await closed).toBe(4403)
})
