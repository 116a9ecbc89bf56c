import { beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()
let authorization: string

beforeAll(async () => {
  authorization = `Bearer ${await server.token('ownA', 'a')}`
})

/** Bytes that are no UTF-8: a stray one, an end too early, an overlong form, half of a surrogate pair, and more than Unicode has. */
const broken: Record<string, number[]> = {
  stray: [0xff],
  'a continuation without a start': [0x80],
  'a start without a continuation': [0xc3, 0x20],
  overlong: [0xc0, 0xaf],
  surrogate: [0xed, 0xa0, 0x80],
  'too large': [0xf4, 0x90, 0x80, 0x80],
}
const around = (before: string, bytes: number[], after: string): Buffer => Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)])

const routes: [name: string, path: string, accept: string, body: (bytes: number[]) => Buffer][] = [
  ['/graphql', '/graphql', 'application/json', (bytes) => around('{"query": "{ apps { id } } # ', bytes, '"}')],
  ['/graphql in a variable', '/graphql', 'application/json', (bytes) => around('{"query": "{ apps { id } }", "variables": {"x": "', bytes, '"}}')],
  ['an event stream', '/graphql', 'text/event-stream', (bytes) => around('{"query": "{ apps { id } } # ', bytes, '"}')],
  ['/v1/verify', '/v1/verify', '*/*', (bytes) => around('{"key": "aura_', bytes, `", "instanceId": "${company.I1}"}`)],
]

for (const [name, path, accept, body] of routes) {
  test(`BI-07 broken UTF-8 is 400: ${name}`, async () => {
    const send = async (bytes: number[]): Promise<number> => {
      const headers = { accept, authorization, 'content-type': 'application/json' }
      const response = await fetch(`${server.url}${path}`, { method: 'POST', headers, body: new Uint8Array(body(bytes)) })
      await response.arrayBuffer()
      return response.status
    }
    for (const [what, bytes] of Object.entries(broken)) expect([what, await send(bytes)]).toEqual([what, 400])
    // Whole characters of every length are text.
    expect(await send([...Buffer.from('aé€😀')])).toBe(200)
  })
}

test('BI-07 a socket that sends broken UTF-8 is closed with 1007', async () => {
  const code = await new Promise<number>((resolve) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'])
    socket.on('open', () => socket.send(Buffer.from([0x7b, 0xff, 0x7d]), { binary: false }))
    socket.on('close', resolve)
  })
  expect(code).toBe(1007)
})
