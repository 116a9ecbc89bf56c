import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readBody } from '../../src/server/body.ts'

let server: ReturnType<typeof createServer>
let socket: Socket
beforeEach(async () => {
  server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
})
afterEach(() => {
  socket.destroy()
  server.close()
})

async function sent(text: string): Promise<[IncomingMessage, ServerResponse]> {
  const request = once(server, 'request')
  socket.write(text)
  return (await request) as [IncomingMessage, ServerResponse]
}

const head = (length: number): string => `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${length}\r\n\r\n`

test('a body is read once, whoever asks for it', async () => {
  const [request] = await sent(`${head(6)}a whole`.slice(0, -1))
  expect(await Promise.all([readBody(request, 10), readBody(request, 10)])).toEqual([{ text: 'a whol' }, { text: 'a whol' }])
  expect(await readBody(request, 10)).toEqual({ text: 'a whol' })
})

test.each(['before it is asked for', 'while it is read'])('where the client goes away %s, reading ends', async (when) => {
  const [request] = await sent(`${head(10)}half`)
  const before = when === 'while it is read' ? readBody(request, 10) : null
  before?.catch(() => undefined)
  socket.destroy()
  await once(request, 'close').catch(() => undefined)
  await expect(before ?? readBody(request, 10)).rejects.toThrow()
})

test('what comes after a body that is too long is dropped, and the connection serves the next request', async () => {
  const [request, response] = await sent(`${head(50_000)}${'x'.repeat(50_000)}`)
  expect(await readBody(request, 100)).toMatchObject({ status: 413 })
  response.writeHead(413, { 'content-length': 0 }).end()
  const [next] = await sent(`${head(2)}ok`)
  expect(await readBody(next, 100)).toEqual({ text: 'ok' })
})
