import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import type { GraphQLAnswer } from '../support/server.ts'

const { server } = await companyOfFile()
const authorization = `Bearer ${await server.token('ownA', 'a')}`

type Way = (sent: object) => Promise<GraphQLAnswer<unknown>>

const overSocket: Way = (sent) =>
  new Promise((resolve) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'])
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } })))
    socket.on('message', (text) => {
      const { type, payload } = JSON.parse(String(text))
      if (type === 'connection_ack') return socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: sent }))
      resolve(type === 'error' ? { errors: payload } : payload)
      socket.terminate()
    })
    socket.on('close', (code, reason) => resolve({ errors: [{ message: String(reason), extensions: { code: String(code) } }] }))
  })

/** The first answer, whatever is sent. */
const ways: Readonly<Record<string, Way>> = {
  HTTP: async (sent) => (await server.post(sent as never, as('ownA'))).json(),
  SSE: async (sent) => {
    const text = await (await server.post(sent as never, as('ownA'), { accept: 'text/event-stream' })).text()
    return JSON.parse(/^data: (.+)$/m.exec(text)?.[1] ?? text)
  },
  WebSocket: overSocket,
}
const twice = 'query A { __typename } query B { viewer { __typename } }'

const codes = ({ errors = [] }: GraphQLAnswer<unknown>): unknown[] => errors.map(({ message, extensions }) => [extensions.code, message])

describe.each(Object.entries(ways))('over %s', (way, send) => {
  test('the hash of a document alone is answered so that the client sends the document', async () => {
    const persistedQuery = { version: 1, sha256Hash: 'ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38' }
    // The protocol of sockets requires a text.
    for (const query of way === 'WebSocket' ? [''] : [undefined, '', null]) {
      const sent = { query, extensions: { persistedQuery } }
      expect(codes(await send(sent))).toEqual([['QUERY_REJECTED', 'PersistedQueryNotSupported']])
    }
    const whole = { query: '{ __typename }', extensions: { persistedQuery } }
    expect(await send(whole)).toEqual({ data: { __typename: 'Query' } })
  })

  test('an empty operation name is none', async () => {
    expect(await send({ query: '{ __typename }', operationName: '' })).toEqual({ data: { __typename: 'Query' } })
  })

  test('a name that no operation has, and several operations without a name, are refused with a code', async () => {
    const refused = [['QUERY_REJECTED', expect.stringMatching(/operation/)]]
    expect(codes(await send({ query: twice, operationName: 'C' }))).toEqual(refused)
    for (const operationName of [undefined, '']) {
      const sent = { query: twice, operationName }
      expect(codes(await send(sent))).toEqual(refused)
    }
    expect(await send({ query: twice, operationName: 'B' })).toMatchObject({ data: { viewer: {} } })
  })
})

test.each(['application/graphql-response+json', 'application/json', '*/*'])('a batch is refused as its sender reads it: accepting %s', async (accept) => {
  const batch = async (body: unknown): Promise<unknown> => {
    const response = await server.post(body, as('ownA'), { accept })
    return [response.status, response.headers.get('content-type')?.replace('; charset=utf-8', ''), await response.json()]
  }
  const refusal = { errors: [{ message: 'Batches are not supported: send one operation per request.', extensions: { code: 'QUERY_REJECTED' } }] }
  const one = [400, 'application/json', refusal]
  for (const count of [1, 2, 100]) {
    const each = [400, accept, Array(count).fill(refusal)]
    expect(await batch(Array(count).fill({ query: '{ __typename }' }))).toEqual(accept.includes('graphql') ? each : one)
  }
  // Who sends many small ones gets no long answer; nor is an empty or broken batch an empty success.
  for (const body of [Array(101).fill({ query: '{ __typename }' }), Array(30_000).fill(1), [], '[{', ' [']) expect(await batch(body)).toEqual(one)
})

/** How a socket is answered: whether it was acknowledged, or the code and reason of its end. */
const opening = (payload: object | undefined, headers: Record<string, string> = {}): Promise<string> =>
  new Promise((resolve) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'], { headers })
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload })))
    socket.on('message', (text) => {
      resolve((JSON.parse(String(text)) as { type: string }).type)
      socket.terminate()
    })
    socket.on('close', (code, reason) => resolve(`${code} ${reason}`))
    socket.on('error', () => undefined)
  })

test('a socket takes its credential from wherever a client can put it, and the payload goes first', async () => {
  const wrong = 'Bearer a.b.c'
  expect(await opening({ authorization })).toBe('connection_ack')
  expect(await opening({ Authorization: authorization })).toBe('connection_ack')
  expect(await opening(undefined, { authorization })).toBe('connection_ack')
  expect(await opening({}, { Authorization: authorization })).toBe('connection_ack')
  expect(await opening({ authorization }, { authorization: wrong })).toBe('connection_ack')
  expect(await opening({ authorization: wrong }, { authorization })).toMatch(/^4403 /)
  expect(await opening({ Authorization: wrong }, { authorization })).toMatch(/^4403 /)
})

test('a socket without a credential is told which member is missing', async () => {
  for (const payload of [undefined, {}, { headers: { authorization: 'x' } }, { token: 'x' }]) {
    expect(await opening(payload)).toBe('4403 Send "authorization": "Bearer …" in the payload of connection_init')
  }
})
