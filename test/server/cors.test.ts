import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server } = await companyOfFile({ ALLOWED_ORIGINS: 'https://PORTAL.example:443,http://[0:0:0:0:0:0:0:1]:8080', MAX_OPERATIONS_PER_MEMBER: '1' })
const portal = 'https://portal.example'
const query = '{ apps { id } }'

const send = (init: RequestInit & { headers?: Record<string, string> }, origin: string): Promise<Response> =>
  fetch(`${server.url}/graphql`, { ...init, headers: { ...init.headers, origin } })
const posted = (body: string, headers: Record<string, string> = {}) => ({
  method: 'POST',
  body,
  headers: { 'content-type': 'application/json', ...headers },
})
const authorization = `Bearer ${await server.token('ownA', 'a')}`

/** One response of each status, whoever in the server gives it. */
const answers: Record<string, [status: number, init: Parameters<typeof send>[0]]> = {
  'an answer': [200, posted(JSON.stringify({ query }), { authorization })],
  'an answer with errors': [200, posted(JSON.stringify({ query: '{ nothing }' }), { authorization })],
  'no JSON': [400, posted('{', { authorization })],
  'an empty body': [400, posted('', { authorization })],
  'no credential': [401, posted(JSON.stringify({ query }))],
  'a wrong credential': [401, posted(JSON.stringify({ query }), { authorization: 'Bearer x' })],
  'another method': [405, { method: 'DELETE' }],
  'a mutation by GET': [400, { method: 'GET' }],
  'an unknown type': [415, { ...posted(query), headers: { 'content-type': 'text/plain' } }],
  'an encoded body': [415, posted('{}', { 'content-encoding': 'br' })],
  'a large body': [413, posted(JSON.stringify({ query: ' '.repeat(300_000) }), { authorization })],
  'no form that the client takes': [406, posted(JSON.stringify({ query }), { authorization, accept: 'image/png' })],
  'an event stream': [200, posted(JSON.stringify({ query }), { authorization, accept: 'text/event-stream' })],
  'an event stream without a credential': [401, posted(JSON.stringify({ query }), { accept: 'text/event-stream' })],
  'a preflight': [204, { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' } }],
}

describe.each(Object.entries(answers))('%s', (name, [status, init]) => {
  test('can be read by a page of an allowed origin, with the id of the request, and by no other', async () => {
    const allowed = await send(init, portal)
    await allowed.arrayBuffer()
    expect([name, allowed.status]).toEqual([name, status])
    expect(allowed.headers.get('access-control-allow-origin')).toBe(portal)
    expect(allowed.headers.get('access-control-allow-credentials')).toBeNull()
    expect(allowed.headers.get('access-control-expose-headers')?.split(', ')).toContain('x-request-id')
    const other = await send(init, 'https://evil.example')
    await other.arrayBuffer()
    expect(other.headers.get('access-control-allow-origin')).toBeNull()
    // A cache must not give one origin's response to another.
    for (const { headers } of [allowed, other]) expect(headers.get('vary')?.toLowerCase()).toContain('origin')
  })
})

test.each([
  ['https://portal.example', true],
  ['HTTPS://Portal.Example', true],
  ['https://portal.example:443', true],
  ['http://[::1]:8080', true],
  ['http://[0:0::1]:8080', true],
  ['https://portal.example:444', false],
  ['http://portal.example', false],
  ['http://[::1]', false],
  ['https://portal.example.', false],
])('the origin %s is one of the list: %s', async (origin, isOne) => {
  const response = await send(posted(JSON.stringify({ query }), { authorization }), origin)
  // The browser compares with its own text.
  expect(response.headers.get('access-control-allow-origin')).toBe(isOne ? origin : null)
})

test('a preflight is kept for two hours, and allows what was asked for', async () => {
  const { headers } = await send(
    { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-a, x-b' } },
    portal,
  )
  expect([headers.get('access-control-max-age'), headers.get('access-control-allow-headers')]).toEqual(['7200', 'x-a, x-b'])
})

test('a refused origin is told and logged with the name of the setting, once each', async () => {
  server.log.length = 0
  const told = () => server.log.filter((line) => JSON.stringify(line).includes('ALLOWED_ORIGINS'))
  for (let turn = 0; turn < 3; turn++) {
    for (const origin of ['https://one.example', 'https://two.example']) {
      const response = await send({ method: 'OPTIONS', headers: { 'access-control-request-method': 'POST' } }, origin)
      expect([response.status, await response.json()]).toEqual([403, { error: expect.stringContaining('ALLOWED_ORIGINS') }])
      await (await send(posted(JSON.stringify({ query }), { authorization }), origin)).arrayBuffer()
    }
  }
  expect(told()).toMatchObject([{ fields: { origin: 'https://one.example' } }, { fields: { origin: 'https://two.example' } }])
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'], { origin: 'https://three.example' })
  const body = await new Promise<string>((resolve) => {
    socket.on('unexpected-response', (_request, response) => response.setEncoding('utf8').on('data', resolve))
    socket.on('error', () => undefined)
  })
  expect(JSON.parse(body)).toEqual({ error: expect.stringContaining('ALLOWED_ORIGINS') })
  expect(told()).toHaveLength(3)
  expect((await server.post({ query }, as('ownA'))).status).toBe(200)
})
