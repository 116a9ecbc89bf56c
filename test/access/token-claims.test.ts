import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { addMember } from '../../src/members/add-member.ts'
import { KeyCountsDocument, ViewerDocument } from '../generated/operations.ts'
import { type Company, createCompany } from '../support/company.ts'
import { codesOf, startServer, type TestServer } from '../support/server.ts'
import { everyTransport } from '../support/transports.ts'

const issuer = 'https://issuer.test.example'
const audience = 'https://keys.test.example'

/** A provider whose tokens say whatever a test wants, and which publishes whatever keys it wants. */
let provider: Server
let published: JWK[]
let reads = 0
let answering = true
let server: TestServer
let company: Company
const publicJwks = new Map<string, JWK>()
const privateKeys = new Map<string, CryptoKey>()

beforeAll(async () => {
  for (const kid of ['one', 'two']) {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
    privateKeys.set(kid, privateKey)
    publicJwks.set(kid, { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' })
  }
  published = [...publicJwks.values()]
  provider = createServer((_request, response) => {
    reads++
    if (!answering) response.writeHead(503).end()
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: published }))
  })
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve))
  const { port } = provider.address() as AddressInfo
  server = await startServer({
    AUTH_JWKS_URL: `http://127.0.0.1:${port}/jwks`,
    AUTH_ISSUER: issuer,
    AUTH_AUDIENCE: audience,
    WS_MAX_SOCKETS_PER_MEMBER: '1000',
    FAILED_CREDENTIALS_PER_MINUTE: '100000',
  })
  company = await createCompany(server)
})
afterAll(async () => {
  await server.close()
  provider.closeAllConnections()
  provider.close()
})
afterEach(() => vi.restoreAllMocks())

const seconds = (after: number): number => Math.floor(server.time.now.getTime() / 1000) + after

interface Claims {
  iss?: string | undefined
  aud?: string | string[] | undefined
  nbf?: unknown
  iat?: unknown
  exp?: unknown
  sub?: unknown
  org?: unknown
}
const sign = (claims: Claims = {}, kid = 'one'): Promise<string> =>
  new SignJWT({ iss: issuer, aud: audience, sub: 'devA', org: 'a', exp: seconds(600), ...claims } as never)
    .setProtectedHeader({ alg: 'RS256', kid })
    .sign(privateKeys.get(kid) as CryptoKey)
const ask = async (token: string): Promise<string[]> => codesOf(await server.graphql(ViewerDocument, {}, { authorization: `Bearer ${token}` }))

const refused = ['UNAUTHENTICATED']

test('a token with a good signature is good only with the issuer, audience, subject and end that it must have', async () => {
  expect(await ask(await sign())).toEqual([])
  expect(await ask(await sign({ aud: ['https://other.test.example', audience] }))).toEqual([])
  const bad: Record<string, Claims> = {
    'another issuer': { iss: 'https://evil.test.example' },
    'an issuer with a slash more': { iss: `${issuer}/` },
    'an issuer in capitals': { iss: issuer.toUpperCase() },
    'no issuer': { iss: undefined },
    'another audience': { aud: 'https://other.test.example' },
    'no audience': { aud: undefined },
    'no end': { exp: undefined },
    'no subject': { sub: undefined },
    'an empty subject': { sub: '' },
    'an organization that is no text': { org: { $ne: '' } },
    'a list of organizations': { org: ['a'] },
  }
  for (const [what, claims] of Object.entries(bad)) expect([what, await ask(await sign(claims))]).toEqual([what, refused])
})

/** An operation on every transport, and a subscription on those that have them. */
async function askEverywhere(token: string): Promise<string[]> {
  const as = { authorization: `Bearer ${token}` }
  const { WebSocket, SSE } = everyTransport
  const query = { query: ViewerDocument.toString() }
  const subscription = { query: KeyCountsDocument.toString() }
  const sent = [...Object.values(everyTransport).map((send) => send(server, query, as)), ...[WebSocket, SSE].map((send) => send(server, subscription, as))]
  return (await Promise.all(sent)).map((answer) => codesOf(answer).join() || 'data')
}
const everywhere = (outcome: string): string[] => Array(5).fill(outcome)

test('a signed claim of the wrong type is a bad credential on every transport, also where it reads as a member', async () => {
  for (const subject of ['5', 'true', 'null', '[object', '1e3'])
    await addMember(server.app.ports, company.members.ownA, { subject, name: subject, role: 'OWNER' })
  expect(await askEverywhere(await sign({ sub: '5' }))).toEqual(everywhere('data'))
  const wrong: Record<'sub' | 'org' | 'exp' | 'nbf' | 'iat', unknown[]> = {
    sub: [5, 1e3, true, null, ['devA'], [['devA']], {}, { sub: 'devA' }],
    org: [5, true, null, ['a'], [['a']], {}, { slug: 'a' }],
    exp: [String(seconds(600)), new Date(seconds(600) * 1000).toISOString(), true, null, [seconds(600)], {}],
    nbf: ['0', true, null, [0], {}],
    iat: ['0', true, null, [0], {}],
  }
  for (const [claim, values] of Object.entries(wrong)) {
    const answers = await Promise.all(values.map(async (value) => [claim, value, await askEverywhere(await sign({ [claim]: value }))]))
    expect(answers).toEqual(values.map((value) => [claim, value, everywhere('UNAUTHENTICATED')]))
  }
}, 120_000)

test('a credential ends a year from now at the latest, however far away its token ends', async () => {
  const day = 24 * 60 * 60
  const endOf = async (exp: number): Promise<number> => {
    const { expiresAt } = await server.app.ports.identify({ authorization: `Bearer ${await sign({ exp })}`, organization: undefined })
    return expiresAt.getTime() - server.time.now.getTime()
  }
  const begin = server.time.now.getTime() % 1000
  expect(await endOf(seconds(600))).toBe(600_000 - begin)
  expect(await endOf(seconds(365 * day))).toBe(365 * day * 1000 - begin)
  for (const exp of [seconds(365 * day + 1), seconds(10 * 365 * day), 8.64e12, 1e15, Number.MAX_SAFE_INTEGER, 1e300]) {
    expect([exp, await endOf(exp)]).toEqual([exp, 365 * day * 1000])
    expect([exp, await askEverywhere(await sign({ exp }))]).toEqual([exp, everywhere('data')])
  }
})

test('a token may begin five seconds from now and have ended five seconds ago, not more', async () => {
  for (const [after, expected] of [
    [-60, []],
    [0, []],
    [4, []],
    [5, []],
    [6, refused],
    [60, refused],
  ] as const) {
    expect([after, await ask(await sign({ nbf: seconds(after) }))]).toEqual([after, expected])
  }
  for (const [after, expected] of [
    [60, []],
    [0, []],
    [-4, []],
    [-5, refused],
    [-6, refused],
    [-60, refused],
  ] as const) {
    expect([after, await ask(await sign({ exp: seconds(after) }))]).toEqual([after, expected])
  }
})

test('a key that the provider withdrew ends once the keys are read again, within ten minutes; while it does not answer the known ones go on', async () => {
  const minute = 60_000
  const real = performance.now.bind(performance)
  const clock = vi.spyOn(performance, 'now')
  const later = (ms: number): void => void clock.mockImplementation(() => real() + ms)
  expect(await ask(await sign({}, 'two'))).toEqual([])
  const before = reads
  published = [publicJwks.get('one') as JWK]
  later(9 * minute)
  expect(await ask(await sign({}, 'two'))).toEqual([])
  expect(reads).toBe(before)
  // The provider does not answer when its turn comes: whom it let in stays in.
  answering = false
  later(11 * minute)
  expect(await ask(await sign({}, 'two'))).toEqual([])
  await vi.waitFor(() => expect(reads).toBeGreaterThan(before), 20_000)
  expect(await ask(await sign({}, 'two'))).toEqual([])
  await vi.waitFor(() => expect(server.log.map(({ message }) => message)).toContain('the keys of the identity provider could not be read again'), 20_000)
  answering = true
  later(22 * minute)
  // Read again beside the request, which does not wait for it.
  await vi.waitFor(async () => expect(await ask(await sign({}, 'two'))).toEqual(refused), { timeout: 10_000 })
  expect(await ask(await sign({}, 'one'))).toEqual([])
})
