import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { signToken } from '../../src/authentication/tokens.ts'
import { companyOfFile, serverOfFile } from '../support/file-server.ts'
import { authSecret } from '../support/server.ts'
import { codeFor, cookieOf, ownPage, portal, signIn } from '../support/session.ts'

const { server, company } = await companyOfFile()
const strict = await serverOfFile({ FAILED_CREDENTIALS_PER_MINUTE: '3' })
const proxied = await serverOfFile({ PUBLIC_URL: 'https://keys.example' })

const statusOf = async (code: unknown, headers: Record<string, string> = {}): Promise<number> =>
  (await portal(server, 'POST', 'session', headers, { code })).status

test('SE-01 a code signs in, and the page learns who is signed in', async () => {
  const nobody = await portal(server, 'GET', 'session')
  expect(nobody.status).toBe(401)
  const response = await portal(server, 'POST', 'session', {}, { code: codeFor(server, 'devA') })
  const expected = {
    member: { id: company.members.devA.memberId, name: 'devA', email: 'devA@test.example', role: 'MEMBER' },
    organization: { id: company.members.devA.organizationId, slug: 'a', name: 'Organization a' },
    organizations: [{ id: company.members.devA.organizationId, slug: 'a', name: 'Organization a' }],
  }
  expect([response.status, await response.json()]).toEqual([200, expected])
  expect(response.headers.get('cache-control')).toBe('no-store')
  const read = await portal(server, 'GET', 'session', { cookie: cookieOf(response) })
  expect([read.status, await read.json()]).toEqual([200, expected])
})

test('SE-02 a code works once, also of many at the same time, and for ten minutes', async () => {
  const code = codeFor(server, 'ownA')
  const answers = await Promise.all(Array.from({ length: 5 }, () => statusOf(code)))
  expect(answers.filter((status) => status === 200)).toHaveLength(1)
  expect(answers.filter((status) => status === 401)).toHaveLength(4)
  expect(await statusOf(codeFor(server, 'ownA', 'a', new Date(server.time.now.getTime())))).toBe(401)
  // Looking does not use it up: links are looked at by programs that scan mails and chats.
  const kept = codeFor(server, 'ownA')
  await fetch(`${server.url}/portal/session?code=${kept}`)
  await fetch(`${server.url}/portal/?code=${kept}`)
  expect(await statusOf(kept)).toBe(200)
})

test('SE-02 no other text is a code, no code is a token, and no token is a code', async () => {
  const code = codeFor(server, 'ownA')
  const [body = '', signature = ''] = code.split('.')
  const named = JSON.parse(Buffer.from(body, 'base64url').toString()) as string[]
  const forged = Buffer.from(JSON.stringify([named[0], 'b', ...named.slice(2)])).toString('base64url')
  const token = await signToken(new TextEncoder().encode(authSecret), { subject: 'ownA', organization: 'a', organizationClaim: 'org', ttl: '1h' })
  const wrong = [
    `${forged}.${signature}`,
    `${body}.${'A'.repeat(43)}`,
    body,
    token,
    '',
    '.',
    'x'.repeat(2_000),
    codeFor(server, 'nobody'),
    codeFor(server, 'ownA', 'b'),
    codeFor(strict, 'ownA', 'none'),
  ]
  for (const text of wrong) expect([text, await statusOf(text)]).toEqual([text, 401])
  for (const odd of [null, 1, {}]) expect(await statusOf(odd)).toBe(400)
  for (const authorization of [`Bearer ${code}`, `Bearer ${code}.${signature}`]) {
    expect((await server.post({ query: '{ apps { id } }' }, { authorization })).status).toBe(401)
  }
  expect(await statusOf(code)).toBe(200)
})

test('SE-03 signing in is limited by address, and refused to pages of other origins', async () => {
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: `${server.url}1` },
    { origin: server.url.replace('http', 'https') },
  ]) {
    const code = codeFor(server, 'ownA')
    expect([headers, await statusOf(code, headers)]).toEqual([headers, 403])
    expect(await statusOf(code)).toBe(200)
  }
  const anonymous = await fetch(`${server.url}/portal/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code: codeFor(server, 'ownA') }),
  })
  expect(anonymous.status).toBe(403)
  const answers: number[] = []
  for (let index = 0; index < 5; index++) answers.push((await portal(strict, 'POST', 'session', {}, { code: 'wrong' })).status)
  expect(answers).toEqual([401, 401, 401, 429, 429])
})

test('SE-03 invented cookies count as failed credentials', async () => {
  const { installation } = strict.app
  const answers: number[] = []
  for (let index = 0; index < 5; index++) {
    const cookie = `aura-keys-session-${installation}=${'A'.repeat(42)}${index}`
    answers.push((await strict.post({ query: '{ apps { id } }' }, null, { cookie, ...ownPage(strict), 'x-forwarded-for': '10.0.0.1' })).status)
  }
  expect(answers.at(-1)).toBe(429)
})

test('SE-04 the cookie is random, out of reach of scripts and strict; only its hash is stored', async () => {
  const [first, second] = [await signIn(server, 'devA'), await signIn(server, 'devA')]
  expect(first).toMatch(new RegExp(`^aura-keys-session-${server.app.installation}=[\\w-]{43}$`))
  expect(first).not.toBe(second)
  const response = await portal(server, 'POST', 'session', {}, { code: codeFor(server, 'devA') })
  const line = response.headers.get('set-cookie') ?? ''
  expect(line.split('; ').slice(1)).toEqual(['Path=/', 'HttpOnly', 'SameSite=Strict', 'Max-Age=604800'])
  const token = cookieOf(response).split('=')[1] ?? ''
  const rows = await server.sql<{ row: string }>('SELECT row_to_json(s)::text AS row FROM session s')
  expect(rows.length).toBeGreaterThan(2)
  const raw = Buffer.from(token, 'base64url').toString('hex')
  for (const { row } of rows) {
    expect(row).not.toContain(token)
    expect(row).not.toContain(raw)
  }
  const hash = createHash('sha256').update('aura-keys session').update(token).digest()
  expect(await server.sql('SELECT 1 FROM session WHERE hash = $1', hash)).toHaveLength(1)
})

test('SE-04 on https the cookie is Secure and has the prefix __Host-', async () => {
  const refused = await portal(proxied, 'POST', 'session', { origin: 'https://keys.example' }, { code: 'wrong' })
  expect(refused.status).toBe(401)
  const line = (await portal(proxied, 'DELETE', 'session', { origin: 'https://keys.example' })).headers.get('set-cookie')
  expect(line).toBe(`__Host-aura-keys-session-${proxied.app.installation}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0; Secure`)
  expect((await portal(proxied, 'POST', 'session', { origin: proxied.url }, { code: 'wrong' })).status).toBe(403)
})

test('SE-04 a new sign-in ends the session that the browser had', async () => {
  const before = await signIn(server, 'devA')
  await signIn(server, 'ownA', 'a', { cookie: before })
  const response = await portal(server, 'GET', 'session', { cookie: before })
  expect(response.status).toBe(401)
})
