import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createCompany, type TestKey } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'

const servers: Record<string, TestServer> = {}
const keys: Record<string, { key: TestKey; instanceId: string }> = {}

beforeAll(async () => {
  for (const serve of ['all', 'graphql', 'verification']) {
    const server = await startServer({ SERVE: serve })
    const company = await createCompany(server)
    servers[serve] = server
    keys[serve] = { key: await company.createKey('devA', company.I1), instanceId: company.I1 }
  }
})
afterAll(async () => {
  for (const server of Object.values(servers)) await server.close()
})

const serverOf = (serve: string): TestServer => servers[serve] as TestServer

async function statusOf(serve: string, path: string): Promise<number> {
  const { url, token } = serverOf(serve)
  const { key, instanceId } = keys[serve] as { key: TestKey; instanceId: string }
  const bodies: Record<string, object> = { '/graphql': { query: '{ viewer { can { createApp } } }' }, '/v1/verify': { key: key.plaintext, instanceId } }
  const body = bodies[path]
  const headers = { authorization: `Bearer ${await token('ownA', 'a')}`, ...(path === '/graphql' ? { 'content-type': 'application/json' } : {}) }
  return (await fetch(url + path, body ? { method: 'POST', headers, body: JSON.stringify(body) } : {})).status
}

const paths = ['/graphql', '/schema.graphql', '/v1/verify', '/healthz', '/readyz', '/metrics']
for (const [serve, expected] of Object.entries({
  all: [200, 200, 200, 200, 200, 200],
  graphql: [200, 200, 404, 200, 200, 200],
  verification: [404, 404, 200, 200, 200, 200],
})) {
  test(`a process that serves ${serve} has these routes and no others`, async () => {
    expect(await Promise.all(paths.map((path) => statusOf(serve, path)))).toEqual(expected)
  })
}

test('a process that serves verification alone takes no socket, and asks the database for nothing but heartbeat and keys', async () => {
  const server = serverOf('verification')
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
  await new Promise((resolve) => socket.once('error', resolve))
  server.statements.length = 0
  server.background.length = 0
  const all = () => [...server.statements, ...server.background]
  const { key, instanceId } = keys['verification'] as { key: TestKey; instanceId: string }
  // Asked of the database, whatever is known of the key from before.
  const answer = await fetch(`${server.url}/v1/verify`, {
    method: 'POST',
    headers: { 'cache-control': 'no-cache' },
    body: JSON.stringify({ key: key.plaintext, instanceId }),
  })
  expect(await answer.json()).toMatchObject({ valid: true })
  // The last use is written, and the heartbeat says twice that it is there.
  const beats = () => server.background.filter((sql) => sql.includes('WITH gone AS')).length
  while (beats() < 2) await new Promise((resolve) => setTimeout(resolve, 50))
  const kinds = [/WITH gone AS/, /known_ids/, /denial_mark/, /api_key k JOIN key_digest/, /INSERT INTO key_use/]
  expect(all().filter((sql) => !kinds.some((kind) => kind.test(sql)))).toEqual([])
  expect(server.statements.some((sql) => /api_key k JOIN key_digest/.test(sql))).toBe(true)
})
