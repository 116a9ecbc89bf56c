import { request } from 'node:http'
import { beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { CreateApiKeyDocument } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile({ ALLOWED_ORIGINS: 'https://portal.example' })
let authorization: string

beforeAll(async () => {
  authorization = `Bearer ${await server.token('devA', 'a')}`
})

interface Answer {
  status: number | undefined
  headers: NodeJS.Dict<string | string[]>
  body: string
}

/** A request with exactly these headers, and the answer's bytes as they came; an event stream's first ones. */
const send = (path: string, method: string, headers: Record<string, string>, body?: string | Buffer): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = request(`${server.url}${path}`, { method, headers }, (response) => {
      const parts: Buffer[] = []
      const done = (): void => {
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts).toString() })
        sent.destroy()
      }
      response.on('data', (part: Buffer) => {
        parts.push(part)
        if (Buffer.concat(parts).includes('event: next')) done()
      })
      response.on('end', done)
    })
    sent.on('error', reject)
    sent.end(body)
  })

const json = { 'content-type': 'application/json' }
const query = JSON.stringify({ query: '{ apps { id } }' })
const encodings = 'gzip, deflate, br, zstd'

test('KS-07 every answer, whatever its status and transport, forbids keeping it and guessing its type, and lets no shared cache in', async () => {
  const get = `/graphql?query=${encodeURIComponent('{ apps { id } }')}`
  const counts = JSON.stringify({ query: 'subscription { keyCounts { total } }' })
  const answers: [string, number, Answer][] = [
    ['POST', 200, await send('/graphql', 'POST', { ...json, authorization }, query)],
    ['GET', 200, await send(get, 'GET', { authorization, 'x-graphql-csrf': '1' })],
    ['an allowed origin', 200, await send('/graphql', 'POST', { ...json, authorization, origin: 'https://portal.example' }, query)],
    ['a subscription over events', 200, await send('/graphql', 'POST', { ...json, authorization, accept: 'text/event-stream' }, counts)],
    ['a query over events', 200, await send('/graphql', 'POST', { ...json, authorization, accept: 'text/event-stream' }, query)],
    ['a refused subscription over events', 401, await send('/graphql', 'POST', { ...json, accept: 'text/event-stream' }, counts)],
    ['nobody', 401, await send('/graphql', 'POST', json, query)],
    ['nobody over GET', 401, await send(get, 'GET', { 'x-graphql-csrf': '1' })],
    ['too long', 413, await send('/graphql', 'POST', { ...json, authorization }, Buffer.alloc(100_001, 0x20))],
    ['not JSON', 400, await send('/graphql', 'POST', { ...json, authorization }, '{')],
    ['a GET without the header', 400, await send(get, 'GET', { cookie: 'a=b' })],
    ['another type', 415, await send('/graphql', 'POST', { 'content-type': 'text/plain', authorization }, query)],
    ['another method', 405, await send('/graphql', 'PUT', { authorization })],
    ['nowhere', 404, await send('/nowhere', 'GET', {})],
    ['a verification', 200, await send('/v1/verify', 'POST', {}, JSON.stringify({ key: 'x', instanceId: company.I1 }))],
    ['a bad verification', 400, await send('/v1/verify', 'POST', {}, '{')],
    ['a long verification', 413, await send('/v1/verify', 'POST', {}, 'x'.repeat(5_000))],
  ]
  for (const [name, status, answer] of answers) {
    expect([name, answer.status]).toEqual([name, status])
    expect([name, answer.headers['cache-control'], answer.headers['x-content-type-options']]).toEqual([name, 'no-store', 'nosniff'])
    for (const header of ['age', 'etag', 'expires', 'last-modified', 'surrogate-control', 'cdn-cache-control', 'content-encoding'])
      expect([name, header, answer.headers[header]]).toEqual([name, header, undefined])
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  }
  expect(new Set(answers.map(([, , { headers }]) => headers['x-request-id'])).size).toBe(answers.length)
})

test('KS-14 a key beside a name that somebody else could choose is not compressed, whatever the client accepts', async () => {
  for (const accept of ['application/json', 'text/event-stream']) {
    // Long and repeated, so that compression would be worth it.
    const name = 'aura_'.repeat(12)
    const body = JSON.stringify({ query: CreateApiKeyDocument.toString(), variables: { input: { instanceId: company.I1, name, expiresInDays: 1 } } })
    const answer = await send('/graphql', 'POST', { ...json, authorization, accept, 'accept-encoding': encodings }, body)
    expect(answer.status).toBe(200)
    expect([answer.headers['content-encoding'], answer.headers['transfer-encoding'] ?? 'identity']).toEqual([
      undefined,
      expect.not.stringMatching(/gzip|deflate/),
    ])
    expect(answer.body).toMatch(/"plaintext":"aura_[0-9a-z]{26}_/)
    expect(answer.body).toContain(name)
  }
  const list = await server.post({ query: '{ apiKeys(first: 100) { edges { node { id name hint } } } }' }, as('devA'), { 'accept-encoding': encodings })
  expect(list.headers.get('content-encoding')).toBeNull()
})

test('KS-14 a WebSocket that is offered compression takes none', async () => {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { perMessageDeflate: true })
  const upgrade = await new Promise<NodeJS.Dict<string | string[]>>((resolve, reject) => {
    let headers: NodeJS.Dict<string | string[]> = {}
    socket.on('upgrade', (response) => {
      headers = response.headers
    })
    socket.on('open', () => resolve(headers))
    socket.on('error', reject)
  })
  expect(upgrade['sec-websocket-protocol']).toBe('graphql-transport-ws')
  expect(upgrade['sec-websocket-extensions']).toBeUndefined()
  expect(socket.extensions).toBe('')
  socket.terminate()
})
