import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { addMember } from '../../src/members/add-member.ts'
import { type Company, createCompany } from '../support/company.ts'
import { audience, type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { startServer, type TestServer } from '../support/server.ts'

const own = 'https://keys.example'
const callback = `${own}/portal/callback`

let provider: IdentityProvider
let server: TestServer
let company: Company

beforeAll(async () => {
  provider = await startIdentityProvider(callback)
  server = await startServer({ PUBLIC_URL: own, ...settings() })
  company = await createCompany(server)
})
afterAll(async () => {
  await server.close()
  await provider.close()
})

const settings = (): Record<string, string> => ({
  AUTH_JWKS_URL: provider.jwksUrl,
  AUTH_ISSUER: provider.issuer,
  AUTH_AUDIENCE: audience,
  AUTH_CLIENT_ID: 'portal',
  AUTH_CLIENT_SECRET: 'secret of portal',
})

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> => fetch(server.url + path, { redirect: 'manual', headers })
const cookiesOf = (response: Response): string[] => response.headers.getSetCookie().map((line) => line.split(';', 1)[0] ?? '')
const inBody = async (response: Response): Promise<string> => /url=([^"]*)"/.exec(await response.text())?.[1] ?? ''

type Kept = Readonly<Record<string, unknown>>
const opened = (pending: string): Kept => JSON.parse(Buffer.from(pending.split('=')[1] ?? '', 'base64url').toString()) as Kept
/** A pending sign-in of the same name that says something else. */
const sealed = (pending: string, kept: unknown): string => `${pending.split('=', 1)[0]}=${Buffer.from(JSON.stringify(kept)).toString('base64url')}`
const changed = (pending: string, change: Kept): string => sealed(pending, { ...opened(pending), ...change })

/** The first step: where the provider's sign-in is, and the cookie that waits for its end. */
async function begin(returnTo = '/portal/'): Promise<{ url: URL; pending: string; line: string }> {
  const response = await get(`/portal/sign-in?${new URLSearchParams({ returnTo })}`)
  expect(response.status).toBe(302)
  const line = response.headers.get('set-cookie') ?? ''
  return { url: new URL(response.headers.get('location') ?? ''), pending: line.split(';', 1)[0] ?? '', line }
}

/** The whole way of a person, as a browser goes it. */
async function signIn(subject: string, returnTo?: string): Promise<Response> {
  const { url, pending } = await begin(returnTo)
  const back = await provider.authorize(url.href, subject)
  return get(back.slice(own.length), { cookie: pending })
}

test('SE-13 a person signs in at the identity provider, with PKCE, and comes back to the same place', async () => {
  const { url, line } = await begin()
  expect(Object.fromEntries(url.searchParams)).toMatchObject({ code_challenge_method: 'S256', redirect_uri: callback, response_type: 'code', scope: 'openid' })
  for (const name of ['code_challenge', 'state', 'nonce']) expect(url.searchParams.get(name)).toMatch(/^[\w-]{43}$/)
  // The provider's redirect comes from another site, which a strict cookie does not survive.
  expect(line).toMatch(/^__Host-aura-keys-pending-.*; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600; Secure$/)
  const response = await signIn('devA', '/portal/apps/functions/keys?tab=orphaned')
  expect([response.status, await inBody(response)]).toEqual([200, '/portal/apps/functions/keys?tab=orphaned'])
  const [session = '', pending = ''] = cookiesOf(response)
  expect(pending).toMatch(/=$/)
  const read = await get('/portal/session', { cookie: session, 'sec-fetch-site': 'same-origin' })
  expect(await read.json()).toMatchObject({ member: { name: 'devA' }, organization: { slug: 'a' } })
})

test('SE-13 nobody is signed in who is no member, or whose answer was not asked for', async () => {
  expect((await signIn('stranger')).status).toBe(401)
  const [mine, other] = [await begin(), await begin()]
  const back = (await provider.authorize(mine.url.href, 'devA')).slice(own.length)
  const wrong: [string, Record<string, string>][] = [
    [back, {}],
    [back, { cookie: other.pending }],
    [back.replace(/state=[^&]*/, 'state=x'), { cookie: mine.pending }],
    [back.replace(/code=[^&]*/, 'code=x'), { cookie: mine.pending }],
    [back.replace(/iss=[^&]*/, 'iss=https%3A%2F%2Fevil.example'), { cookie: mine.pending }],
    ['/portal/callback?error=access_denied', { cookie: mine.pending }],
    ['/portal/callback', { cookie: `${mine.pending}x` }],
    // Anybody can write what the browser keeps.
    ...[null, 1, [], {}, { ...opened(mine.pending), returnTo: 1 }].map((kept): [string, Record<string, string>] => [
      back,
      { cookie: sealed(mine.pending, kept) },
    ]),
  ]
  for (const [path, headers] of wrong) {
    const response = await get(path, headers)
    expect([path, response.status, cookiesOf(response).some((cookie) => cookie.includes('session'))]).toEqual([path, 401, false])
  }
})

test('SE-13 state, nonce and verifier are each checked', async () => {
  for (const name of ['verifier', 'state', 'nonce']) {
    const { url, pending } = await begin()
    const back = (await provider.authorize(url.href, 'devA')).slice(own.length)
    expect([name, (await get(back, { cookie: changed(pending, { [name]: 'x'.repeat(43) }) })).status]).toEqual([name, 401])
  }
})

test('SE-13 an answer of the provider signs in once, in one browser', async () => {
  const { url, pending } = await begin()
  const back = (await provider.authorize(url.href, 'devA')).slice(own.length)
  expect((await get(back, { cookie: `${pending}; ${pending}` })).status).toBe(401)
  expect((await get(back, { cookie: pending })).status).toBe(200)
  const again = await get(back, { cookie: pending })
  expect([again.status, cookiesOf(again).map((cookie) => cookie.replace(/-[\da-f]{8}=/, '='))]).toEqual([401, ['__Host-aura-keys-pending=']])
  for (const path of ['/portal/sign-in', '/portal/callback']) {
    const response = await fetch(server.url + path, { method: 'POST', headers: { origin: own } })
    expect([path, response.status, response.headers.get('allow')]).toEqual([path, 405, 'GET'])
  }
})

test('SE-13 what the provider says when it refuses is shown as text, if at all', async () => {
  const { pending } = await begin()
  const state = opened(pending)['state']
  const search = new URLSearchParams({ error: 'access_denied', error_description: '<script>alert(1)</script>', state: String(state), iss: provider.issuer })
  const response = await get(`/portal/callback?${search}`, { cookie: pending })
  expect(response.status).toBe(401)
  expect(response.headers.get('content-security-policy')).toBe("default-src 'none'; base-uri 'none'; frame-ancestors 'none'")
  expect(await response.text()).not.toContain('<script')
})

test('SE-13 the way back leads nowhere else', async () => {
  for (const elsewhere of [
    'https://evil.example/',
    '//evil.example',
    '/portal//evil.example',
    '/portal/"><script>',
    'javascript:alert(1)',
    '/graphql',
    '/portal/\\evil',
    '/\\evil.example',
    '/%2f%2fevil.example',
    '%2f%2fevil.example',
    ' /portal/',
    '/portal/\n//evil.example',
    '/portal',
    '/portalx/',
    '',
  ]) {
    expect([elsewhere, await inBody(await signIn('devA', elsewhere))]).toEqual([elsewhere, '/portal/'])
  }
})

test('SE-13 a place with a search leads back to it', async () => {
  const { url, pending } = await begin('/portal/apps/x/keys?q=a*b%20c&by=me')
  const response = await get((await provider.authorize(url.href, 'devA')).slice(own.length), { cookie: pending })
  expect(await inBody(response)).toBe('/portal/apps/x/keys?q=a*b%20c&#38;by=me')
  // The text of a pending sign-in is the browser's, so what it says is checked again.
  const second = await begin()
  const back = (await provider.authorize(second.url.href, 'devA')).slice(own.length)
  expect(await inBody(await get(back, { cookie: changed(second.pending, { returnTo: 'https://evil.example/' }) }))).toBe('/portal/')
})

test('SE-13 a member of several organizations is asked to choose, and switches', async () => {
  await addMember(server.app.ports, company.members.ownB, { subject: 'dev2A', name: 'elsewhere', role: 'MEMBER' })
  const response = await signIn('dev2A', '/portal/secrets')
  const [cookie = ''] = cookiesOf(response)
  expect(await inBody(response)).toBe('/portal/?choose=organization')
  const session = (await (await get('/portal/session', { cookie, 'sec-fetch-site': 'same-origin' })).json()) as {
    organizations: { id: string; slug: string }[]
  }
  expect(session.organizations.map(({ slug }) => slug)).toEqual(['a', 'b'])
  const moved = await fetch(`${server.url}/portal/session`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json', origin: own, cookie },
    body: JSON.stringify({ organizationId: session.organizations[1]?.id }),
  })
  expect(await moved.json()).toMatchObject({ member: { name: 'elsewhere' }, organization: { slug: 'b' } })
})

test('SE-13 the page learns where to sign in, links are off, and a provider that is down is said to be', async () => {
  const nobody = await get('/portal/session')
  expect([nobody.status, await nobody.json()]).toEqual([401, expect.objectContaining({ signIn: '/portal/sign-in' })])
  const code = await fetch(`${server.url}/portal/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: own },
    body: JSON.stringify({ code: 'any' }),
  })
  expect(code.status).toBe(401)
  const { url, pending } = await begin()
  const back = (await provider.authorize(url.href, 'devA')).slice(own.length)
  await provider.down()
  const response = await get(back, { cookie: pending })
  expect([response.status, await response.text()]).toEqual([503, expect.stringContaining('The identity provider is out of reach.')])
  await provider.up()
  expect((await signIn('devA')).status).toBe(200)
})

test('SE-13 without PUBLIC_URL the way back has the Host of the request, if that is one', async () => {
  const bare = await startServer(settings())
  const { hostname, port } = new URL(bare.url)
  const begins = (host: string): Promise<[status: number | undefined, redirectUri: string | null]> =>
    new Promise((resolve, reject) => {
      request({ hostname, port, path: '/portal/sign-in', headers: { host } }, (response) => {
        response.resume()
        const { location } = response.headers
        resolve([response.statusCode, location === undefined ? null : new URL(location).searchParams.get('redirect_uri')])
      })
        .once('error', reject)
        .end()
    })
  try {
    expect(await begins('keys.example:4000')).toEqual([302, 'http://keys.example:4000/portal/callback'])
    for (const host of ['a b', '[', 'a:b', '%']) expect([host, await begins(host)]).toEqual([host, [400, null]])
  } finally {
    await bare.close()
  }
})
