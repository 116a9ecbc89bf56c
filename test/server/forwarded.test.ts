import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { as, createCompany } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer

const sockets = 3
const messages = 40

beforeAll(async () => {
  server = await startServer({ WS_MAX_SOCKETS_PER_MEMBER: String(sockets), WS_MAX_MESSAGES_PER_MINUTE: String(messages) })
  await createCompany(server)
})
afterAll(() => server.close())

/** A chain that looks like another client, and another trusted proxy, each time. */
let chains = 0
const forged = (): Record<string, string> => {
  const number = ++chains
  return {
    'x-forwarded-for': `203.0.113.${number}, 10.0.0.${number}, 127.0.0.1`,
    forwarded: `for=203.0.113.${number};host=evil.example;proto=https`,
    'x-real-ip': `203.0.113.${number}`,
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
  }
}

/** What is the same in every answer to the same question. */
const seen = async (response: Response) => ({
  status: response.status,
  body: await response.text(),
  headers: [...response.headers].filter(([name]) => !['x-request-id', 'date'].includes(name)),
})

test('HP-08 forged chains change no answer, on any route', async () => {
  const routes: Record<string, (headers: Record<string, string>) => Promise<Response>> = {
    graphql: (headers) => server.post({ query: '{ apps { id name } viewer { member { id } } }' }, as('ownA'), headers),
    'graphql for nobody': (headers) => server.post({ query: '{ apps { id } }' }, null, headers),
    events: (headers) => server.post({ query: '{ apps { id } }' }, as('ownA'), { accept: 'text/event-stream', ...headers }),
    verify: (headers) => fetch(`${server.url}/v1/verify`, { method: 'POST', headers, body: '{"key": "x", "instanceId": "ins_00000000000000000000000000"}' }),
    health: (headers) => fetch(`${server.url}/healthz`, { headers }),
    schema: (headers) => fetch(`${server.url}/schema.graphql`, { headers }),
    nowhere: (headers) => fetch(`${server.url}/nowhere`, { headers }),
  }
  for (const [name, ask] of Object.entries(routes)) {
    const plain = await seen(await ask({}))
    expect(plain.body.length, name).toBeGreaterThan(0)
    for (let round = 0; round < 2; round++) expect([name, await seen(await ask(forged()))]).toEqual([name, plain])
  }
})

const open = async (subject: string): Promise<{ socket: WebSocket; said: string[]; closed: Promise<number> }> => {
  const authorization = `Bearer ${await server.token(subject, 'a')}`
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'], { headers: forged() })
  const said: string[] = []
  socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } })))
  socket.on('message', (text) => said.push((JSON.parse(String(text)) as { type: string }).type))
  socket.on('error', () => undefined)
  return { socket, said, closed: new Promise((resolve) => socket.on('close', resolve)) }
}

test('HP-08 a member has as many sockets and streams as ever, whatever chain each of them comes with', async () => {
  const held = []
  for (let number = 0; number < sockets; number++) held.push(await open('devA'))
  for (const { said } of held) await vi.waitFor(() => expect(said).toEqual(['connection_ack']), 20_000)
  for (let more = 0; more < 3; more++) expect(await (await open('devA')).closed).toBe(1013)
  const stream = await server.post({ query: 'subscription { keyCounts { total } }' }, as('devA'), { accept: 'text/event-stream', ...forged() })
  expect([stream.status, await stream.json()]).toMatchObject([429, { errors: [{ extensions: { code: 'RATE_LIMITED' } }] }])
  // Nor does a chain take anything from others.
  const other = await open('dev2A')
  await vi.waitFor(() => expect(other.said).toEqual(['connection_ack']), 20_000)
  for (const { socket } of [...held, other]) socket.terminate()
})

test('HP-08 a socket that talks too much is closed, whatever chain it comes with', async () => {
  const { socket, said, closed } = await open('auraA')
  await vi.waitFor(() => expect(said).toEqual(['connection_ack']), 20_000)
  for (let sent = 0; sent <= messages; sent++) socket.send(JSON.stringify({ type: 'ping' }))
  expect(await closed).toBe(1013)
})
