import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { type Company, createCompany, type TestKey } from '../support/company.ts'
import { type Answer, ask, type Listener, type Program, type Received, startGateway, startListener } from '../support/gateways.ts'
import { startServer, type TestServer } from '../support/server.ts'

const gatewayToken = 'a-token-of-the-gateways'
const programs = ['nginx', 'caddy'] as const
let server: TestServer
let company: Company
let key: TestKey
let app: Listener
const gateways: Partial<Record<Program, Awaited<ReturnType<typeof startGateway>>>> = {}

beforeAll(async () => {
  server = await startServer({ GATEWAY_TOKEN: gatewayToken })
  company = await createCompany(server)
  key = await company.createKey('devA', company.I1)
  app = await startListener()
  const { host } = new URL(server.url)
  for (const program of programs) gateways[program] = await startGateway(program, { aura: host, app: app.host, instanceId: company.I1, gatewayToken })
})
afterAll(async () => {
  for (const gateway of Object.values(gateways)) await gateway.stop()
  await app.stop()
})
beforeEach(() => {
  app.received.length = 0
})

const bearer = (text: string) => ({ authorization: `Bearer ${text}` })

/** Everything that has to do with keys among the headers that the application got, whatever the letters between the words are. */
const identity = (): object =>
  Object.fromEntries(Object.entries(app.received.at(-1)?.headers ?? {}).filter(([name]) => /aura|api.key|^authorization$/i.test(name)))

describe.each(programs)('behind %s', (program) => {
  const through = (headers: Parameters<typeof ask>[1] = {}, path = '/', method = 'GET', body = ''): Promise<Answer> =>
    ask(`${gateways[program]?.url}${path}`, headers, method, body)
  const whoItIs = () => ({
    'x-aura-key-id': key.id,
    'x-aura-app-id': company.appId,
    'x-aura-instance-id': company.I1,
    'x-aura-organization-id': company.members.devA.organizationId,
  })

  test('an active key passes with its request whole, and the application gets who it is instead of the key', async () => {
    const body = 'x'.repeat(300_000)
    for (const headers of [bearer(key.plaintext), { 'x-api-key': key.plaintext }, { authorization: 'Basic eDp5', 'x-api-key': key.plaintext }]) {
      for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
        const isSent = ['POST', 'PUT', 'PATCH'].includes(method)
        const answer = await through(headers, '/a%20path/v1/authorize?instance=x&y', method, isSent ? body : '')
        expect([method, answer.status, answer.text]).toEqual([method, 200, 'passed'])
        expect(app.received.at(-1)).toMatchObject({ method, url: '/a%20path/v1/authorize?instance=x&y', bytes: isSent ? body.length : 0 })
        expect(identity()).toEqual(whoItIs())
      }
    }
  })

  test('what a client says of itself reaches neither the application nor the question', async () => {
    const lies = {
      'x-aura-key-id': 'key_forged',
      'X-AURA-APP-ID': 'app_forged',
      'x-aura-instance-id': company.I2,
      'x-aura-organization-id': 'org_forged',
      'x-aura-instance': company.I2,
      'x-aura-gateway-token': 'forged',
      x_aura_key_id: 'key_forged',
      'x-aura_key_id': 'key_forged',
    }
    expect((await through({ ...bearer(key.plaintext), ...lies }, `/?instance=${company.I2}`)).status).toBe(200)
    expect(identity()).toEqual(whoItIs())
    // Headers that `Connection` names are for the next hop only: whoever follows that to the letter takes away what the gateway had set.
    const connection = 'close, x-aura-key-id, x-aura-app-id, x-aura-instance-id, x-aura-organization-id, x-aura-instance, x-aura-gateway-token'
    expect((await through({ ...bearer(key.plaintext), connection })).status).toBe(200)
    expect(identity()).toEqual(whoItIs())
    const other = await company.createKey('ownA', company.I2)
    app.received.length = 0
    for (const headers of [{}, lies, { 'x-aura-instance': company.I2 }, { connection }]) {
      expect((await through({ ...bearer(other.plaintext), ...headers }, `/?instance=${company.I2}`)).status).toBe(403)
    }
    for (const headers of [lies, { connection }]) expect((await through(headers)).status).toBe(401)
    expect(app.received).toEqual([])
  })

  test('a key is refused on the very next request after it was revoked', async () => {
    for (let turn = 0; turn < 5; turn++) {
      const { id, plaintext } = await company.createKey('devA', company.I1)
      for (let use = 0; use < 3; use++) expect((await through(bearer(plaintext))).status).toBe(200)
      await revokeApiKeys(server.app.ports, company.members.devA, { ids: [id], acknowledged: true })
      const answer = await through(bearer(plaintext))
      expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer realm="aura-keys", error="invalid_token"'])
    }
    expect(app.received).toHaveLength(15)
  })

  test('many questions share a connection, whatever the answers are', async () => {
    const sockets = new Set<unknown>()
    const count = (message: unknown): void => {
      const { request, socket } = message as { request: IncomingMessage; socket: unknown }
      if (request.url?.startsWith('/v1/authorize')) sockets.add(socket)
    }
    subscribe('http.server.request.start', count)
    for (let turn = 0; turn < 50; turn++) await through(bearer(turn % 2 ? key.plaintext : 'aura_junk'))
    unsubscribe('http.server.request.start', count)
    expect(app.received).toHaveLength(25)
    expect(sockets.size).toBeGreaterThan(0)
    expect(sockets.size).toBeLessThanOrEqual(2)
  })

  test('of the request only the key is asked about: no query, body, upgrade, or wish for a fresh answer', async () => {
    const asked = await startListener((response) => response.writeHead(401).end())
    const gateway = await startGateway(program, { aura: asked.host, app: app.host, instanceId: company.I1, gatewayToken })
    asked.received.length = 0
    const headers = { ...bearer(key.plaintext), 'cache-control': 'no-cache', connection: 'Upgrade', upgrade: 'websocket', 'content-type': 'text/plain' }
    expect((await ask(`${gateway.url}/?instance=${company.I2}`, headers, 'POST', 'some body')).status).toBe(401)
    await gateway.stop()
    await asked.stop()
    expect(asked.received).toMatchObject([
      { method: expect.stringMatching(/^(GET|HEAD)$/), bytes: 0, headers: { 'x-aura-gateway-token': gatewayToken, ...bearer(key.plaintext) } },
    ])
    const { url, headers: sent } = asked.received[0] as Received
    const query = `/v1/authorize?instance=${company.I1}`
    expect([
      [query, undefined],
      ['/v1/authorize', company.I1],
    ]).toContainEqual([url, sent['x-aura-instance']])
    expect([sent['cache-control'], sent.upgrade]).toEqual([undefined, undefined])
  })

  test('VF-22 only 200 with who it is lets through: not 204, 302, 500, 503, 200 with `valid: false`, nor silence', async () => {
    let reply: [number, Record<string, string>?] | null = null
    const liar = await startListener((response) => {
      if (reply) response.writeHead(...reply).end(reply[0] === 200 ? '{"valid":false,"code":"REVOKED"}' : '')
    })
    const fronting = { aura: liar.host, app: app.host, instanceId: company.I1, gatewayToken }
    reply = [401]
    const gateway = await startGateway(program, fronting)
    const statuses: [unknown, number][] = []
    for (reply of [[204], [302, { location: '/' }], [500], [503], [400], [429], [200], [200, { 'x-aura-key-id': '' }], null] as (typeof reply)[]) {
      statuses.push([reply, (await ask(gateway.url, { ...bearer(key.plaintext), 'x-aura-key-id': key.id })).status])
    }
    const passed = app.received.length
    reply = [200, { 'x-aura-key-id': key.id }]
    const right = (await ask(gateway.url, bearer(key.plaintext))).status
    await gateway.stop()
    await liar.stop()
    expect(statuses.filter(([, status]) => status < 300)).toEqual([])
    expect([passed, right, app.received.length]).toEqual([0, 200, 1])
  })
})

test('when the server has stopped nobody passes', async () => {
  await server.close()
  for (const program of programs) {
    for (let turn = 0; turn < 3; turn++) expect((await ask(gateways[program]?.url ?? '', bearer(key.plaintext))).status).toBeGreaterThanOrEqual(500)
  }
  expect(app.received).toEqual([])
})
