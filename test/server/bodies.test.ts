import { connect } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()
let bearer: string

beforeAll(async () => {
  bearer = `Bearer ${await server.token('ownA', 'a')}`
})

const query = '{"query": "{ apps { id } }"}'
const forms: Record<string, { path: string; accept: string; limit: number; good: () => string }> = {
  '/graphql': { path: '/graphql', accept: 'application/json', limit: 100_000, good: () => query },
  'an event stream': { path: '/graphql', accept: 'text/event-stream', limit: 100_000, good: () => query },
  '/v1/verify': { path: '/v1/verify', accept: '*/*', limit: 4_096, good: () => JSON.stringify({ key: 'x', instanceId: company.I1 }) },
}

/**
 * A request byte by byte as it goes over the line, and the status that comes back; null for a connection that is reset without an answer.
 * `hangUp`: the client says that nothing more comes. The body's parts are one piece of memory however many there are, so that what grows is the server's.
 */
const send = (path: string, headers: Record<string, string | number>, part: Buffer | string, parts = 1, hangUp = false): Promise<number | null> =>
  new Promise((resolve) => {
    const all = { host: 'localhost', authorization: bearer, 'content-type': 'application/json', connection: 'close', ...headers }
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
    let answer = ''
    let sent = 0
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => {
      socket.write(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
      pour()
    })
    const pour = (): void => {
      while (sent < parts && !socket.destroyed) {
        sent++
        if (!socket.write(part)) return void socket.once('drain', pour)
      }
      if (part === chunk && !socket.destroyed) socket.write('0\r\n\r\n')
      if (hangUp && !socket.destroyed) socket.end()
    }
    socket.on('data', (bytes) => {
      answer += bytes
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(answer === '' ? null : Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])))
  })

const piece = Buffer.alloc(50_000, 0x20)
const chunk = Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])

for (const [name, { path, accept, limit, good }] of Object.entries(forms)) {
  describe(`to ${name}`, () => {
    test('DS-10 a body that is too long is 413 or cut off, whatever it says of its length, and the memory stays', async () => {
      const before = process.memoryUsage()
      let most = 0
      const measure = setInterval(() => {
        const { heapUsed, external } = process.memoryUsage()
        most = Math.max(most, heapUsed + external - before.heapUsed - before.external)
      }, 5)
      const refused: [string, number | null][] = []
      const together = async (what: string, times: number, one: () => Promise<number | null>): Promise<void> => {
        for (const status of await Promise.all(Array.from({ length: times }, one))) refused.push([what, status])
      }
      for (const size of [1_100_000, 10_000_000]) {
        const parts = size / piece.length
        await together(`${size} bytes`, 10, () => send(path, { accept, 'content-length': size }, piece, parts))
        await together(`${size} bytes in chunks`, 10, () => send(path, { accept, 'transfer-encoding': 'chunked' }, chunk, parts))
        await together(`${size} bytes announced, none sent`, 10, () => send(path, { accept, 'content-length': size }, '', 0, path !== '/graphql'))
      }
      await together('one byte too long', 1, () => send(path, { accept, 'content-length': limit + 1 }, good().padEnd(limit + 1)))
      clearInterval(measure)
      expect(refused).toHaveLength(61)
      for (const [what, status] of refused) {
        // Whoever goes on sending may be reset before the answer is read; who announces too much and sends nothing is told.
        const allowed = what.endsWith('none sent') || what === 'one byte too long' ? (path === '/graphql' ? [413] : [413, 400, null]) : [413, null]
        expect(allowed, what).toContain(status)
      }
      expect(refused.some(([, status]) => status === 413)).toBe(true)
      expect(most).toBeLessThan(20_000_000)
      // As long as it may be.
      expect(await send(path, { accept, 'content-length': limit }, good().padEnd(limit))).toBe(200)
    })

    test('DS-10 a length that is not that of the body executes nothing', async () => {
      const body = good()
      const cases: Record<string, [length: string | number, body: string]> = {
        shorter: [body.length - 5, body],
        longer: [body.length + 5, body],
        'no body': [body.length, ''],
        negative: [-5, body],
        words: ['many', body],
        hexadecimal: ['0x1c', body],
        'with a sign': [`+${body.length}`, body],
        twice: [`${body.length}, ${body.length}`, body],
        huge: ['99999999999999999999999', body],
      }
      for (const [what, [length, text]] of Object.entries(cases)) {
        const status = await send(path, { accept, 'content-length': length }, text, 1, ['longer', 'no body'].includes(what))
        expect([400, 413, null], what).toContain(status)
      }
      expect(await send(path, { accept, 'content-length': body.length }, body)).toBe(200)
    })

    test('HP-09 a body with two lengths is 400', async () => {
      const body = good()
      const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
      expect(await send(path, { accept, 'content-length': body.length, 'transfer-encoding': 'chunked' }, chunked)).toBe(400)
      expect(await send(path, { accept, 'transfer-encoding': 'chunked' }, chunked)).toBe(200)
    })

    const post = async (body: Buffer | string, headers: Record<string, string> = {}): Promise<number> => {
      const bytes = Buffer.from(body as string)
      const response = await fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: { accept, authorization: bearer, 'content-type': 'application/json', ...headers },
        body: bytes,
      })
      await response.arrayBuffer()
      return response.status
    }

    test('BI-07 a byte order mark and UTF-16 are no JSON', async () => {
      const text = good()
      const bodies: Record<string, Buffer> = {
        'UTF-8 with a mark': Buffer.from(`\ufeff${text}`),
        'UTF-16 little endian': Buffer.from(text, 'utf16le'),
        'UTF-16 little endian with a mark': Buffer.from(`\ufeff${text}`, 'utf16le'),
        'UTF-16 big endian': Buffer.from(text, 'utf16le').swap16(),
        'UTF-16 big endian with a mark': Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
      }
      for (const [what, body] of Object.entries(bodies)) expect([what, await post(body)]).toEqual([what, 400])
      expect(await post(text)).toBe(200)
    })

    test('BI-07 a compressed body is refused without being unpacked', async () => {
      // A hundred million spaces in a hundred thousand bytes.
      const bomb = gzipSync(Buffer.concat([Buffer.from(good()), Buffer.alloc(100_000_000, 0x20)]))
      expect(bomb.length).toBeLessThan(100_000)
      const packed: Record<string, Buffer> = {
        gzip: bomb,
        'x-gzip': bomb,
        br: brotliCompressSync(good()),
        deflate: deflateSync(good()),
        'gzip, gzip': gzipSync(gzipSync(good())),
      }
      const before = process.memoryUsage().rss
      for (const [encoding, body] of Object.entries(packed)) {
        const status = await post(body, { 'content-encoding': encoding })
        expect([encoding, path === '/graphql' ? [415] : [400, 413, 415]]).toEqual([encoding, expect.arrayContaining([status])])
      }
      // What does not say that it is packed is read as it is.
      expect([400, 413]).toContain(await post(bomb))
      expect(process.memoryUsage().rss - before).toBeLessThan(90_000_000)
    })
  })
}

test('HP-06 of two members with one name the last one counts on every way in, and extra ones are refused', async () => {
  const post = async (body: string, accept: string) => {
    const headers = { accept, authorization: bearer, 'content-type': 'application/json' }
    const response = await fetch(`${server.url}/graphql`, { method: 'POST', headers, body })
    const text = await response.text()
    return { status: response.status, answer: JSON.parse(/^data: ?(\{.+)$/m.exec(text)?.[1] ?? text) as { data?: object } }
  }
  const two = '{"query": "mutation { createApp(input: { slug: \\"first\\", name: \\"x\\" }) { __typename } }", "query": "{ __typename }"}'
  const escaped = '{"query": "mutation { createApp(input: { slug: \\"first\\", name: \\"x\\" }) { __typename } }", "\\u0071uery": "{ __typename }"}'
  for (const accept of ['application/json', 'application/graphql-response+json', 'text/event-stream']) {
    for (const body of [two, escaped]) {
      const { status, answer } = await post(body, accept)
      expect([accept, status, answer]).toEqual([accept, 200, { data: { __typename: 'Query' } }])
    }
  }
  expect(await server.sql("SELECT 1 FROM app WHERE slug = 'first'")).toEqual([])
  for (const extra of ['"extra": 1', '"Query": "{ __typename }"', '"id": "1"', '"persisted": true', '"__proto__": {}', '"query ": "{ __typename }"']) {
    for (const accept of ['application/json', 'application/graphql-response+json', 'text/event-stream']) {
      const { status, answer } = await post(`{"query": "{ __typename }", ${extra}}`, accept)
      expect([extra, status, answer]).toMatchObject([extra, 400, { errors: [{ extensions: { code: 'QUERY_REJECTED' } }] }])
    }
  }
})
