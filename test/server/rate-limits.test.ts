import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { loadConfig } from '../../src/config.ts'
import type { AuraError } from '../../src/errors.ts'
import { createRateLimits, maxLimiterEntries } from '../../src/server/rate-limits.ts'
import { type Company, createCompany } from '../support/company.ts'
import { codesOf, type GraphQLAnswer, startServer, type TestServer } from '../support/server.ts'
import { everyTransport } from '../support/transports.ts'

const most = 3
const gatewayToken = 'the gateway token of tests'

let server: TestServer
let company: Company

beforeAll(async () => {
  server = await startServer({
    GATEWAY_TOKEN: gatewayToken,
    TRUSTED_PROXIES: '127.0.0.1, 10.0.0.0/8',
    FAILED_CREDENTIALS_PER_MINUTE: String(most),
    WRONG_GATEWAY_TOKENS_PER_MINUTE: String(most),
    WS_MAX_SOCKETS_PER_MEMBER: '1000',
  })
  company = await createCompany(server)
})
afterAll(() => server.close())
// Each test has a minute of its own.
beforeEach(() => {
  server.time.now = new Date(server.time.now.getTime() + 60_000)
})

const query = '{ viewer { member { id } } }'
const wrong = { authorization: 'Bearer a.b.c' }
const right = { subject: 'devA', organization: 'a' }
const later = (ms: number): void => {
  server.time.now = new Date(server.time.now.getTime() + ms)
}

async function counted(limit: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  return Number(new RegExp(`^aura_keys_rate_limited_total\\{limit="${limit}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
}

for (const [transport, send] of Object.entries(everyTransport)) {
  describe(`over ${transport}`, () => {
    const over = transport === 'WebSocket' ? 'CLOSED 1013' : 'RATE_LIMITED'

    test('wrong credentials beyond the limit are told so, a right one is taken all the while, and the next minute begins anew', async () => {
      const before = await counted('failed_credentials')
      for (let sent = 0; sent < most; sent++) expect(codesOf(await send(server, { query }, wrong))).toEqual(['UNAUTHENTICATED'])
      for (let more = 0; more < 3; more++) {
        expect(codesOf(await send(server, { query }, wrong))).toEqual([over])
        expect(codesOf(await send(server, { query }, right))).toEqual([])
      }
      expect(await counted('failed_credentials')).toBe(before + 3)
      later(59_999)
      expect(codesOf(await send(server, { query }, wrong))).toEqual([over])
      later(1)
      expect(codesOf(await send(server, { query }, wrong))).toEqual(['UNAUTHENTICATED'])
    })

    test('who sends no credential uses nothing up', async () => {
      for (let sent = 0; sent < 2 * most; sent++) expect(codesOf(await send(server, { query }, null))).toEqual(['UNAUTHENTICATED'])
      expect(codesOf(await send(server, { query }, wrong))).toEqual(['UNAUTHENTICATED'])
    })
  })
}

test('the answer says when to come back, in its header and in the error', async () => {
  for (let sent = 0; sent < most; sent++) await server.post({ query }, wrong)
  later(20_500)
  for (const accept of ['application/json', 'application/graphql-response+json', 'text/event-stream']) {
    const refused = await server.post({ query }, wrong, { accept })
    const { errors } = (await refused.json()) as GraphQLAnswer<unknown>
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '40'])
    expect(errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'RATE_LIMITED', retryAfterMs: 39_500 }])
  }
})

test('whatever is wrong with a credential counts, on whichever transport, for one address', async () => {
  await everyTransport.WebSocket(server, { query }, wrong)
  await everyTransport.SSE(server, { query }, { subject: 'stranger' })
  await everyTransport.HTTP(server, { query }, { authorization: `Bearer ${await server.token('devA', 'a', new Date(server.time.now.getTime() - 1_000))}` })
  expect(codesOf(await everyTransport.HTTP(server, { query }, { authorization: 'Basic eA==' }))).toEqual(['RATE_LIMITED'])
})

/** What becomes of a wrong credential that comes with this chain. */
const withChain = {
  HTTP: async (chain: string) => (await server.post({ query }, wrong, { 'x-forwarded-for': chain })).status,
  SSE: async (chain: string) => (await server.post({ query }, wrong, { 'x-forwarded-for': chain, accept: 'text/event-stream' })).status,
  WebSocket: (chain: string) =>
    new Promise<number>((resolve) => {
      const headers = { 'x-forwarded-for': chain }
      const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'], { headers })
      socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: wrong })))
      socket.on('close', (code) => resolve(code === 4403 ? 401 : code === 1013 ? 429 : code))
    }),
}

for (const [transport, status] of Object.entries(withChain)) {
  test(`HP-08 over ${transport} the client before the trusted proxies is counted, whatever it puts before itself`, async () => {
    const attacker = (number: number): string => `203.0.113.${number}, 10.0.0.${number}, 198.51.100.7, 10.0.0.1`
    for (let sent = 0; sent < most; sent++) expect(await status(attacker(sent))).toBe(401)
    for (let sent = most; sent < most + 3; sent++) expect(await status(attacker(sent))).toBe(429)
    expect(await status('::ffff:198.51.100.7')).toBe(429)
    // Others pay nothing for it.
    for (let sent = 0; sent < most; sent++) expect(await status(`2001:db8:1:2::${sent}, 10.0.0.1`)).toBe(401)
    expect(await status('2001:db8:1:2:9::9, 10.0.0.1')).toBe(429)
    expect(await status('2001:db8:1:3::1, 10.0.0.1')).toBe(401)
    expect(await status('')).toBe(401)
  })
}

test('HP-08 without trusted proxies no chain makes another client of one', async () => {
  const open = await startServer({ FAILED_CREDENTIALS_PER_MINUTE: String(most) })
  const statuses: number[] = []
  for (let sent = 0; sent < most + 2; sent++) statuses.push((await open.post({ query }, wrong, { 'x-forwarded-for': `203.0.113.${sent}` })).status)
  await open.close()
  expect(statuses).toEqual([401, 401, 401, 429, 429])
})

test('wrong gateway tokens beyond the limit get 429 with the time to wait, and the right one is taken all the while; keys are not limited here', async () => {
  const { plaintext } = await company.createKey('devA', company.I1)
  const verify = (token: string | null, key = plaintext) =>
    fetch(`${server.url}/v1/verify`, {
      method: 'POST',
      headers: token === null ? {} : { 'x-aura-gateway-token': token },
      body: JSON.stringify({ key, instanceId: company.I1 }),
    })
  for (let sent = 0; sent < most; sent++) expect((await verify('a wrong one')).status).toBe(401)
  later(45_000)
  for (const token of ['a wrong one', `${gatewayToken}s`, null]) {
    const refused = await verify(token)
    expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toMatchObject([
      429,
      '15',
      { code: 'RATE_LIMITED', retryAfterMs: 15_000, error: expect.stringContaining('The right one is accepted at any time') },
    ])
  }
  expect(await (await verify(gatewayToken)).json()).toMatchObject({ valid: true })
  for (let sent = 0; sent < 100; sent++) expect((await verify(gatewayToken, 'no key')).status).toBe(200)
  expect(await counted('wrong_gateway_tokens')).toBe(3)
  // Credentials have a budget of their own.
  expect((await server.post({ query }, wrong)).status).toBe(401)
})

describe('what the limits remember', () => {
  const clock = { now: new Date('2026-01-01T00:00:00Z') }
  const limits = () => createRateLimits(loadConfig({ FAILED_CREDENTIALS_PER_MINUTE: '5' }), { now: () => clock.now }, { rateLimited: () => undefined })
  const spend = (at: ReturnType<typeof limits>, who: string): Promise<string> =>
    at.spend('failed_credentials', who).then(
      () => 'counted',
      (error: AuraError) => error.extensions.code,
    )

  test('a flood of addresses is remembered up to the bound, and sets nobody free who goes on', async () => {
    const at = limits()
    for (let sent = 0; sent < 5; sent++) expect(await spend(at, 'hot')).toBe('counted')
    for (let address = 0; address < 50_000; address++) {
      await spend(at, `10.0.${address >> 8}.${address & 255}`)
      if (address % 5_000 === 0) expect(await spend(at, 'hot')).toBe('RATE_LIMITED')
    }
    expect(at.size).toBe(maxLimiterEntries)
    expect(await spend(at, 'hot')).toBe('RATE_LIMITED')
  })

  test('CF-11 a clock that is set back keeps nobody out for longer than a minute', async () => {
    const at = limits()
    for (let sent = 0; sent < 5; sent++) await spend(at, 'x')
    expect(await spend(at, 'x')).toBe('RATE_LIMITED')
    clock.now = new Date(clock.now.getTime() - 3_600_000)
    expect(await spend(at, 'x')).toBe('counted')
  })
})
