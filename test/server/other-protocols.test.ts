import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()
const authorization = `Bearer ${await server.token('ownA', 'a')}`
const { plaintext: key } = await company.createKey('ownA', company.I1)

const open: Socket[] = []
afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy()
})

interface Answer {
  readonly status: number
  readonly body: string
}

/** A connection; `next` resolves to the next response, null if the connection is closed. */
function connection() {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  open.push(socket)
  let text = ''
  let isClosed = false
  let wake = (): void => undefined
  socket.setEncoding('latin1').on('data', (part: string) => {
    text += part
    wake()
  })
  socket
    .on('error', () => undefined)
    .on('close', () => {
      isClosed = true
      wake()
    })
  const next = async (isHead = false): Promise<Answer | null> => {
    for (;;) {
      const head = text.indexOf('\r\n\r\n')
      const length = isHead ? 0 : Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, head))?.[1] ?? 0)
      const chunked = !isHead && /\r\ntransfer-encoding: chunked/i.test(text.slice(0, head))
      const end = head < 0 ? -1 : chunked ? text.indexOf('\r\n0\r\n\r\n', head) + 7 : head + 4 + length
      if (head >= 0 && end > head && text.length >= end) {
        const answer = { status: Number(text.slice(9, 12)), body: text.slice(head + 4, end) }
        text = text.slice(end)
        return answer
      }
      if (isClosed) return null
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return { write: (part: string) => socket.write(part, 'latin1'), next }
}

/** What clients add to any request to ask for another protocol. */
const asking: Record<string, string> = {
  'curl --http2': 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n',
  "Java's HttpClient":
    'Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\nUser-Agent: Java-http-client/21\r\n',
  'a list': 'Upgrade: TLS/1.2, h2c\r\nconnection: keep-alive, upgrade\r\n',
  'two headers': 'Upgrade: irc/6.9\r\nUpgrade: x\r\nConnection: upgrade\r\nConnection: keep-alive\r\n',
  'a protocol of no name': 'Upgrade: \r\nConnection: upgrade\r\n',
}

const request = (method: string, path: string, headers: string, body = ''): string =>
  `${method} ${path} HTTP/1.1\r\nHost: ${new URL(server.url).host}\r\nAuthorization: ${authorization}\r\n${headers}${
    body === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`
  }\r\n${body}`

const verification = JSON.stringify({ key, instanceId: company.I1 })
const operation = JSON.stringify({ query: '{ viewer { member { name } } }' })
const routes: Record<string, [method: string, path: string, body?: string, headers?: string]> = {
  'an operation': ['POST', '/graphql', operation],
  'an operation by GET': ['GET', `/graphql?query=${encodeURIComponent('{ __typename }')}`, '', 'X-GraphQL-CSRF: 1\r\n'],
  verification: ['POST', '/v1/verify', verification],
  'many verifications': ['POST', '/v1/verify/batch', JSON.stringify({ verifications: [JSON.parse(verification)] })],
  authorization: ['GET', `/v1/authorize?instance=${company.I1}`, '', `X-Api-Key: ${key}\r\n`],
  'a POST that asks for sockets': ['POST', '/v1/verify', verification, 'X-Other: 1\r\n'],
  readiness: ['GET', '/readyz'],
  'the head of readiness': ['HEAD', '/readyz'],
  'the schema': ['GET', '/schema.graphql'],
  'nothing there': ['GET', '/nothing'],
  'a wrong method': ['DELETE', '/v1/verify'],
  'a body that is too large': ['POST', '/v1/verify', JSON.stringify({ key: 'x'.repeat(5_000), instanceId: company.I1 })],
}

describe.each(Object.entries(asking))('with the headers of %s', (_, more) => {
  test.each(Object.entries(routes))('%s is answered as without them', async (_name, [method, path, body, headers = '']) => {
    const answers = []
    for (const extra of ['', more]) {
      const { write, next } = connection()
      write(request(method, path, headers + extra, body))
      answers.push(await next(method === 'HEAD'))
    }
    expect(answers[0]?.status).toBeGreaterThan(0)
    expect(answers[1]).toEqual(answers[0])
  })

  test('a connection stays, pipelined requests are answered in their order, and bodies come in pieces', async () => {
    const { write, next } = connection()
    const [wrong, right] = [JSON.stringify({ key: 'x', instanceId: company.I1 }), verification]
    write([right, wrong, right].map((body) => request('POST', '/v1/verify', more, body)).join(''))
    const codes = async (): Promise<unknown> => JSON.parse((await next())?.body ?? '{}').code
    expect([await codes(), await codes(), await codes()]).toEqual(['VALID', 'MALFORMED', 'VALID'])
    const whole = request('POST', '/v1/verify', more, right)
    for (let at = 0; at < whole.length; at += 40) {
      write(whole.slice(at, at + 40))
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    expect(await codes()).toBe('VALID')
    const chunked = request('POST', '/v1/verify', `${more}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n`)
    write(`${chunked}5\r\n${right.slice(0, 5)}\r\n`)
    await new Promise((resolve) => setTimeout(resolve, 5))
    write(`${(right.length - 5).toString(16)}\r\n${right.slice(5)}\r\n0\r\n\r\n`)
    expect(await codes()).toBe('VALID')
    write(request('POST', '/v1/verify', '', wrong))
    expect(await codes()).toBe('MALFORMED')
  })
})

test('of other methods a socket is not opened, and of GET it is, also as one of several protocols', async () => {
  const handshake =
    'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n'
  const post = connection()
  post.write(request('POST', '/graphql', `Upgrade: websocket\r\n${handshake}`, operation))
  expect(await post.next()).toMatchObject({ status: 200 })
  for (const upgrade of ['websocket', 'WebSocket', 'h2c, websocket']) {
    const get = connection()
    get.write(request('GET', '/graphql', `Upgrade: ${upgrade}\r\n${handshake}`))
    expect(await get.next()).toMatchObject({ status: 101 })
  }
  const elsewhere = connection()
  elsewhere.write(request('GET', '/v1/verify', `Upgrade: websocket\r\n${handshake}`))
  expect(await elsewhere.next()).toMatchObject({ status: 404 })
})
