import { connect, type Socket } from 'node:net'
import { beforeAll, expect, test } from 'vitest'
import { as, createCompany } from '../support/company.ts'
import { serverOfFile } from '../support/file-server.ts'

const server = await serverOfFile()

beforeAll(async () => {
  await createCompany(server)
})

/** What the server takes for headers and for a whole request, how often it looks, and what a busy machine may add. */
const [headersMs, requestMs, lookMs, marginMs] = [10_000, 30_000, 2_000, 6_000]

interface Ended {
  afterMs: number
  answer: string
}

/** A connection that begins with these bytes and goes on with one byte a second, until the server closes it. */
const drip = (begin: string, byte: string): Promise<Ended> =>
  new Promise((resolve) => {
    let answer = ''
    const started = performance.now()
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => socket.write(begin))
    const dripping = setInterval(() => socket.write(byte), 1_000)
    socket.on('data', (part) => {
      answer += part
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearInterval(dripping)
      resolve({ afterMs: performance.now() - started, answer })
    })
  })

const idle = (): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => resolve(socket))
    socket.on('error', reject)
  })

test('DS-13 slow headers, slow bodies and a thousand silent connections end in time, and the others are served meanwhile', async () => {
  const authorization = `Bearer ${await server.token('ownA', 'a')}`
  const post = (path: string, accept: string): string =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nAccept: ${accept}\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`
  const bodies = Promise.all([
    drip(post('/graphql', 'application/json'), ' '),
    drip(post('/graphql', 'text/event-stream'), ' '),
    drip(post('/v1/verify', '*/*'), ' '),
  ])
  const headers = Promise.all([drip('POST /graphql HTTP/1.1\r\nHost: x\r\nX-Slow: ', 'x'), drip('GET /healthz HTTP/1.1\r\nHost: x\r\n', 'x')])
  const started = performance.now()
  const silent = await Promise.all(Array.from({ length: 1_000 }, idle))
  const closed = silent.map(
    (socket) =>
      new Promise<number>((resolve) => {
        // Only who reads hears of the end.
        socket.resume().on('close', () => resolve(performance.now() - started))
      }),
  )
  let open = silent.length
  for (const each of closed) void each.then(() => open--)
  for (let served = 0; served < 30; served++) {
    expect(open).toBe(1_000)
    expect((await server.post({ query: '{ apps { id } }' }, as('ownA'))).status).toBe(200)
  }
  for (const afterMs of await Promise.all(closed)) expect(afterMs).toBeLessThan(headersMs + lookMs + marginMs)
  for (const { afterMs, answer } of await headers) {
    expect(afterMs).toBeGreaterThan(headersMs / 2)
    expect(afterMs).toBeLessThan(headersMs + lookMs + marginMs)
    expect(answer).toMatch(/^(HTTP\/1\.1 408|$)/)
  }
  for (const { afterMs, answer } of await bodies) {
    expect(afterMs).toBeGreaterThan(headersMs + marginMs)
    expect(afterMs).toBeLessThan(requestMs + lookMs + marginMs)
    expect(answer).toMatch(/^(HTTP\/1\.1 408|$)/)
  }
  expect((await server.post({ query: '{ apps { id } }' }, as('ownA'))).status).toBe(200)
}, 60_000)
