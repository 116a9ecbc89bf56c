import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { portalLink } from '../../src/authentication/portal-link.ts'
import { createCodes } from '../../src/crypto/code.ts'
import { startSession } from '../../src/sessions/start-session.ts'
import { companyOfFile, serverOfFile } from '../support/file-server.ts'
import { authSecret } from '../support/server.ts'
import { codeFor, cookieOf, ownPage, portal, signIn } from '../support/session.ts'

const { server } = await companyOfFile()
const strict = await companyOfFile({ FAILED_CREDENTIALS_PER_MINUTE: '3' })
const foreign = await serverOfFile({ AUTH_SECRET: 'the secret of another installation' })

const secret = new TextEncoder().encode(authSecret)
const statusOf = async (code: unknown): Promise<number> => (await portal(server, 'POST', 'session', {}, { code })).status
const later = (ms: number): void => {
  server.time.now = new Date(server.time.now.getTime() + ms)
}
const minute = 60_000

test('SE-02 the code of another installation is none, nor is one that AUTH_SECRET itself signed', async () => {
  expect(await statusOf(codeFor(foreign, 'ownA'))).toBe(401)
  const body = codeFor(server, 'ownA').split('.', 1)[0] ?? ''
  expect(await statusOf(`${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`)).toBe(401)
  // The signature of a token has the same key and function: with the same text before it, it is still none of a code.
  const [head = '', claims = '', signature = ''] = (await server.token('ownA', 'a')).split('.')
  for (const text of [`${claims}.${signature}`, `${head}.${signature}`, `${head}.${claims}.${signature}`])
    expect([text, await statusOf(text)]).toEqual([text, 401])
})

test('SE-02 a code of which any character was changed is none', async () => {
  const code = codeFor(server, 'ownA')
  // The last character of a part holds spare bits, which two texts can differ in without differing in bytes.
  for (let at = 0; at < code.length; at += 7) {
    const altered = `${code.slice(0, at)}${code[at] === 'A' ? 'B' : 'A'}${code.slice(at + 1)}`
    expect([at, await statusOf(altered)]).toEqual([at, 401])
  }
  for (const text of [` ${code}`, `${code} `, `${code}=`, `${code}\n`, `${code}.`, code.replace('.', '..')])
    expect([text, await statusOf(text)]).toEqual([text, 401])
  expect(await statusOf(code)).toBe(200)
})

test('SE-02 only a POST uses a code up', async () => {
  const code = codeFor(server, 'ownA')
  const used = () => server.sql('SELECT hash FROM used_code ORDER BY hash')
  const before = await used()
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE']) {
    for (const path of [`/portal/session?code=${code}`, `/portal/?code=${code}`, `/portal/sessions?code=${code}`]) {
      const withBody = method === 'GET' || method === 'HEAD' ? {} : { body: JSON.stringify({ code }) }
      await fetch(server.url + path, { method, headers: { ...ownPage(server), 'content-type': 'application/json' }, ...withBody })
    }
  }
  expect(await used()).toEqual(before)
  expect(await statusOf(code)).toBe(200)
})

test('SE-02 a printed code works to the last moment of ten minutes and not after; used ones stay used for clocks that are behind', async () => {
  const print = (): string =>
    new URL(portalLink({ secret, url: server.url, subject: 'ownA', organization: 'a', now: server.time.now })).hash.replace('#code=', '')
  const [first, second] = [print(), print()]
  later(10 * minute - 1)
  expect(await statusOf(first)).toBe(200)
  later(1)
  expect(await statusOf(second)).toBe(401)
  later(10 * minute)
  await server.app.tidy()
  later(-11 * minute)
  expect(await statusOf(first)).toBe(401)
  later(24 * 60 * minute + 11 * minute)
  await server.app.tidy()
  expect(await server.sql('SELECT 1 FROM used_code')).toEqual([])
})

test('SE-02 what a code says in full is signed: who, where, which one and until when', () => {
  const named = { subject: 'ownA', organization: 'a', nonce: 'n', endsAt: new Date(2_000) }
  const [codes, now] = [createCodes(secret), new Date(1_000)]
  expect(codes.open(codes.seal(named), now)).toEqual(named)
  expect(codes.open(codes.seal(named), named.endsAt)).toBeNull()
  const variants = [named, { ...named, subject: 'x' }, { ...named, organization: 'b' }, { ...named, nonce: 'm' }, { ...named, endsAt: new Date(3_000) }]
  const sealed = variants.map((each) => codes.seal(each).split('.'))
  for (const [body] of sealed) {
    for (const [of, signature] of sealed) expect(codes.open(`${body}.${signature}`, now) === null).toBe(body !== of)
  }
})

test('SE-10 an organization that is no id is not looked for, so that no text can fail the statement of others', async () => {
  const cookie = await signIn(server, 'devA')
  for (const organizationId of ['\u0000', 'a\u0000', '\ud800', '', 'a', 'b', `org_${'0'.repeat(26)}`, 'org_\u0000', "' OR 1=1 --", 'x'.repeat(3_000)]) {
    const response = await portal(server, 'PATCH', 'session', { cookie }, { organizationId })
    expect([organizationId, response.status, response.headers.get('set-cookie')]).toEqual([organizationId, 404, null])
  }
  for (const input of [
    { subject: 'ownA', organization: '\u0000' },
    { subject: 'own\u0000A', organization: 'a' },
    { subject: 'ownA\ud800', organization: 'a' },
  ]) {
    await expect(startSession(server.app.ports, input)).rejects.toMatchObject({ extensions: { code: 'UNAUTHENTICATED' } })
  }
  expect((await portal(server, 'GET', 'session', { cookie })).status).toBe(200)
})

test('SE-03 a body that is no small JSON with a text is refused in words', async () => {
  const post = (body: string, type = 'application/json'): Promise<Response> =>
    fetch(`${server.url}/portal/session`, { method: 'POST', headers: { ...ownPage(server), 'content-type': type }, body })
  for (const [body, type] of [
    [JSON.stringify({ code: 'x'.repeat(5_000) })],
    ['x'.repeat(200_000)],
    [''],
    ['null'],
    ['[]'],
    ['{"code":["x"]}'],
    [JSON.stringify({ code: codeFor(server, 'ownA') }), 'text/plain'],
    ['code=x', 'application/x-www-form-urlencoded'],
  ] as const) {
    const response = await post(body, type)
    expect([body.slice(0, 20), response.status, await response.json()]).toEqual([
      body.slice(0, 20),
      400,
      { error: expect.objectContaining({ code: 'BAD_USER_INPUT', field: 'code' }) },
    ])
  }
})

test('SE-03 in a flood of invented cookies and codes, whoever has a right one gets in', async () => {
  const at = strict.server
  const cookie = await signIn(at, 'devA')
  const name = cookie.split('=', 1)[0]
  const ask = async (sent: string): Promise<number> => (await at.post({ query: '{ apps { id } }' }, null, { cookie: sent, ...ownPage(at) })).status
  const flood = await Promise.all(Array.from({ length: 40 }, (_, index) => ask(`${name}=${String(index).padStart(43, 'A')}`)))
  const refused = flood.filter((status) => status === 429).length
  expect([refused >= 37, refused + flood.filter((status) => status === 401).length]).toEqual([true, 40])
  // Those that can be no token count too, and so does the page's own route.
  expect([await ask(`${name}=short`), (await portal(at, 'GET', 'sessions', { cookie: `${name}=short` })).status]).toEqual([429, 429])
  expect((await portal(at, 'POST', 'session', {}, { code: 'wrong' })).status).toBe(429)
  expect([await ask(cookie), (await portal(at, 'GET', 'session', { cookie })).status]).toEqual([200, 200])
  expect((await portal(at, 'POST', 'session', {}, { code: codeFor(at, 'ownA') })).status).toBe(200)
  // No cookie, or one that does not count here, is no guess.
  expect((await portal(at, 'GET', 'session')).status).toBe(401)
  expect((await at.post({ query: '{ apps { id } }' }, null, { cookie: `${name}=short`, origin: 'https://evil.example' })).status).toBe(401)
})

test('SE-04 a dead cookie is not taken back, since a new one may be on its way to the same browser', async () => {
  const before = await signIn(server, 'devA')
  const [old, renewed] = await Promise.all([
    portal(server, 'GET', 'session', { cookie: before }),
    portal(server, 'POST', 'session', { cookie: before }, { code: codeFor(server, 'devA') }),
  ])
  expect(old.headers.get('set-cookie')).toBeNull()
  for (const [method, path] of [
    ['GET', 'session'],
    ['GET', 'sessions'],
    ['PATCH', 'session'],
  ] as const) {
    const response = await portal(server, method, path, { cookie: before }, method === 'PATCH' ? { organizationId: 'x' } : undefined)
    expect([method, path, response.status, response.headers.get('set-cookie')]).toEqual([method, path, 401, null])
  }
  expect((await portal(server, 'GET', 'session', { cookie: cookieOf(renewed) })).status).toBe(200)
})

test('SE-06 the routes of the page ignore the cookie beside a token too', async () => {
  const cookie = await signIn(server, 'devA')
  for (const authorization of [`Bearer ${await server.token('ownA', 'a')}`, 'Basic eDp5', '']) {
    for (const [method, path] of [
      ['GET', 'session'],
      ['GET', 'sessions'],
    ] as const) {
      expect([authorization, path, (await portal(server, method, path, { cookie, authorization })).status]).toEqual([authorization, path, 401])
    }
  }
})
