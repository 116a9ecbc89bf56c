import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { addMember } from '../../src/members/add-member.ts'
import { ViewerDocument } from '../generated/operations.ts'
import { type Company, createCompany } from '../support/company.ts'
import { audience, type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { codesOf, dataOf, startServer, type TestServer } from '../support/server.ts'
import { transports } from '../support/subscribe.ts'

let provider: IdentityProvider
let server: TestServer
let company: Company

beforeAll(async () => {
  provider = await startIdentityProvider()
  server = await startServer({ AUTH_JWKS_URL: provider.jwksUrl, AUTH_ISSUER: provider.issuer, AUTH_AUDIENCE: audience })
  company = await createCompany(server)
  await addMember(server.app.ports, company.members.ownA, { subject: 'ci', name: 'CI', role: 'MEMBER' })
})
afterAll(async () => {
  await server.close()
  await provider.close()
})

const ask = (token: string) => server.graphql(ViewerDocument, {}, { authorization: `Bearer ${token}` })
const nameOf = async (token: string) => dataOf(await ask(token)).viewer.member.name

test('a program signs in with client credentials, a person with an authorization code', async () => {
  const program = await provider.clientCredentials('a')
  expect(decodeJwt(program)).toMatchObject({ sub: 'ci', org: 'a', aud: audience })
  expect(await nameOf(program)).toBe('CI')
  expect(await nameOf(await provider.signIn('devA', 'a'))).toBe('devA')
  for (const subscribe of Object.values(transports)) {
    const stream = subscribe(server, 'subscription { keyCounts { total } }', {}, `Bearer ${program}`)
    expect((await stream.next())?.data).toEqual({ keyCounts: { total: 0 } })
    await stream.end()
  }
})

test('the provider only says who somebody is: whoever is no member has no access', async () => {
  expect(codesOf(await ask(await provider.signIn('stranger', 'a')))).toEqual(['UNAUTHENTICATED'])
  expect(codesOf(await ask(await provider.signIn('devA', 'b')))).toEqual(['UNAUTHENTICATED'])
})

test('a token for another audience, of another issuer, altered or signed by nobody is refused', async () => {
  expect(codesOf(await ask(await provider.clientCredentials('a', 'https://other.test.example')))).toEqual(['UNAUTHENTICATED'])
  const good = await provider.clientCredentials('a')
  const [header = '', payload = '', signature = ''] = good.split('.')
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = decodeJwt(good)
  for (const token of [
    `${header}.${encode({ ...claims, sub: 'ownA' })}.${signature}`,
    `${encode({ alg: 'none' })}.${payload}.`,
    `${encode({ ...decodeProtectedHeader(good), alg: 'HS256' })}.${payload}.${signature}`,
    `${encode({ alg: 'RS256' })}.${payload}.${Buffer.alloc(256).toString('base64url')}`,
  ]) {
    expect(codesOf(await ask(token))).toEqual(['UNAUTHENTICATED'])
  }
  // Tokens that this server signs for itself, when it is its own provider, mean nothing here.
  expect(codesOf(await ask(await server.token('ownA', 'a')))).toEqual(['UNAUTHENTICATED'])
})

test('clocks may be five seconds apart, not more', async () => {
  const token = await provider.clientCredentials('a')
  const end = (decodeJwt(token).exp ?? 0) * 1000
  const start = server.time.now
  for (const [after, expected] of [
    [-1_000, []],
    [4_000, []],
    [6_000, ['UNAUTHENTICATED']],
  ] as const) {
    server.time.now = new Date(end + after)
    expect(codesOf(await ask(token))).toEqual(expected)
  }
  server.time.now = start
})

test('a rotated key is found; while the provider is down the known one goes on, and an unknown one fails clearly', async () => {
  const before = await provider.clientCredentials('a')
  expect(await nameOf(before)).toBe('CI')
  await provider.rotate()
  const after = await provider.clientCredentials('a')
  expect(decodeProtectedHeader(after).kid).not.toBe(decodeProtectedHeader(before).kid)
  // The library rests a few seconds between two reads of the keys.
  await vi.waitFor(async () => expect(await nameOf(after)).toBe('CI'), { timeout: 15_000, interval: 500 })
  await provider.rotate()
  const newest = await provider.clientCredentials('a')
  await provider.down()
  expect(await nameOf(after)).toBe('CI')
  await vi.waitFor(async () => expect(codesOf(await ask(newest))).toEqual(['UNAVAILABLE']), { timeout: 15_000, interval: 500 })
  expect((await ask(newest)).errors?.[0]?.message).toContain('identity provider')
  await provider.up()
  await vi.waitFor(async () => expect(await nameOf(newest)).toBe('CI'), { timeout: 15_000, interval: 500 })
})
