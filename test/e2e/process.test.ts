import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createHome, type Home, onPostgres } from '../support/processes.ts'

let home: Home
let env: Home['env']
let cli: Home['cli']
let serve: Home['serve']
let folder: string

beforeAll(async () => {
  home = await createHome()
  ;({ env, cli, serve, folder } = home)
})
afterAll(() => home.remove())

let token: string | undefined
/** Of the demo's owner. */
const tokenOnce = async (): Promise<string> => {
  token ??= (await cli(['token', '--org', 'demo', '--as', 'owner@demo.example'])).stdout.trim()
  return token
}

async function graphql(query: string): Promise<Record<string, never>> {
  const headers = { authorization: `Bearer ${await tokenOnce()}`, 'content-type': 'application/json' }
  const answer = (await (await fetch(`${home.url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) })).json()) as {
    data: never
    errors?: unknown
  }
  if (answer.errors) throw new Error(JSON.stringify(answer.errors))
  return answer.data
}

const counts = '{ viewer { organization { version keyCounts { active expired orphaned revoked } } } apiKeys { totalCount } }'
const verify = async (key: string, instanceId: string): Promise<string> =>
  ((await (await fetch(`${home.url}/v1/verify`, { method: 'POST', body: JSON.stringify({ key, instanceId }) })).json()) as { code: string }).code

test('the first start loads the demo and says what to type next; after a kill -9 everything acknowledged is there', async () => {
  const first = await serve()
  expect(first.printed.join('')).toContain('Loading the demo')
  expect(first.printed.join('')).toContain('npx aura-keys token --org demo --as owner@demo.example')
  expect(await (await fetch(`${home.url}/healthz`)).json()).toEqual({ status: 'ok' })
  expect((await fetch(`${home.url}/readyz`)).status).toBe(200)

  type Found = { app: { instances: { edges: [{ node: { id: string } }] } } }
  const found = (await graphql('{ app(slug: "analyst") { instances(first: 1) { edges { node { id } } } } }')) as unknown as Found
  const instanceId = found.app.instances.edges[0].node.id
  const create = async (): Promise<{ plaintext: string; apiKey: { id: string } }> => {
    const data = await graphql(`mutation { createApiKey(input: { instanceId: "${instanceId}", name: "kept", expiresInDays: 9 }) { plaintext apiKey { id } } }`)
    return (data as unknown as { createApiKey: { plaintext: string; apiKey: { id: string } } }).createApiKey
  }
  const [kept, revoked] = [await create(), await create()]
  await graphql(`mutation { revokeApiKey(input: { id: "${revoked.apiKey.id}", acknowledged: true }) { propagation { nodes waitedMs } } }`)
  const before = await graphql(counts)
  first.child.kill('SIGKILL')
  await first.exited

  const second = await serve()
  expect(second.printed.join('')).not.toContain('Loading the demo')
  expect(await graphql(counts)).toEqual(before)
  expect([await verify(kept.plaintext, instanceId), await verify(revoked.plaintext, instanceId)]).toEqual(['VALID', 'REVOKED'])

  if (!onPostgres) {
    const refused = await cli(['serve'], { PORT: '0' })
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(`in use by process ${second.child.pid}`)
  }

  // CF-10: with a socket open, a stop takes no longer than it must.
  const socket = new WebSocket(`${home.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'])
  await new Promise((resolve) => socket.once('open', resolve))
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${await tokenOnce()}` } }))
  await new Promise((resolve) => socket.once('message', resolve))
  const closed = new Promise((resolve) => socket.once('close', resolve))
  second.child.kill('SIGTERM')
  expect(await closed).toBe(1001)
  expect(await second.exited).toBe(0)
})

test('token prints a JWT and nothing else, and refuses a span that is none', async () => {
  const { stdout, stderr } = await cli(['token', '--org', 'demo', '--as', 'x', '--ttl', '2h'])
  expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  expect(stderr).toBe('')
  const claims = JSON.parse(Buffer.from(stdout.split('.')[1] ?? '', 'base64url').toString())
  expect(claims).toMatchObject({ sub: 'x', org: 'demo', iss: 'aura-keys' })
  expect(claims.exp - claims.iat).toBe(7_200)
  expect(await cli(['token', '--org', 'demo', '--as', 'x', '--ttl', 'soon'])).toMatchObject({ code: 2, stdout: '' })
})

test('wrong settings are all told at once, with exit code 2 and without a value', async () => {
  const { code, stdout, stderr } = await cli(['serve'], { PORT: 'hunter2', MAX_KEY_LIFETIME_DAYS: '-1', KEY_PEPPER: 'hunter2' })
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  for (const setting of ['PORT', 'MAX_KEY_LIFETIME_DAYS', 'KEY_PEPPER']) expect(stderr).toContain(setting)
  expect(stderr).not.toContain('hunter2')
})

test('VF-23 another pepper than the keys were made with refuses to start', async () => {
  const { code, stderr } = await cli(['serve'], { KEY_PEPPER: Buffer.alloc(32, 9).toString('base64') })
  expect(code).toBe(1)
  expect(stderr).toContain('KEY_PEPPER')
})

test('SR-07 SR-09 SR-15 a key-encryption key that is another, of the wrong length, missing or open to others refuses to start', async () => {
  const other = Buffer.alloc(32, 9).toString('base64')
  const wrong = await cli(['serve'], { SECRETS_KEK: other })
  expect([wrong.code, wrong.stdout]).toEqual([1, ''])
  expect(wrong.stderr).toContain('SECRETS_KEK')
  expect(await cli(['serve'], { SECRETS_KEK: 'c2hvcnQ=' })).toMatchObject({ code: 2, stdout: '' })
  if (onPostgres) {
    // The database alone, restored without its secrets.
    const without = await cli(['serve'], { SECRETS_KEK: '', KEY_PEPPER: '' })
    expect(without).toMatchObject({ code: 2, stdout: '' })
    expect(without.stderr).toMatch(/SECRETS_KEK/)
    return
  }
  const file = join(folder, 'data', 'secrets-kek')
  chmodSync(file, 0o644)
  const open = await cli(['serve'])
  expect([open.code, open.stderr.trim()]).toEqual([1, `${file} can be read by other users. Take that away with: chmod 600 ${file}`])
  chmodSync(file, 0o600)
  renameSync(file, `${file}.away`)
  const missing = await cli(['serve'])
  expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('secrets-kek is missing')])
  expect(existsSync(file)).toBe(false)
  renameSync(`${file}.away`, file)
})

test('SR-06 with a new secret put first, old keys and secrets go on, and secrets are wrapped anew', async () => {
  const first = await serve()
  const { app } = (await graphql('{ app(slug: "analyst") { instances(first: 1) { edges { node { id } } } } }')) as unknown as {
    app: { instances: { edges: { node: { id: string } }[] } }
  }
  const instanceId = app.instances.edges[0]?.node.id ?? ''
  const { createApiKey } = (await graphql(
    `mutation { createApiKey(input: { instanceId: "${instanceId}", name: "rotated", expiresInDays: 9, saveAsSecret: { name: "rotated" } }) { secret { id } } }`,
  )) as unknown as { createApiKey: { secret: { id: string } } }
  const reveal = async (): Promise<string> => {
    const data = (await graphql(`mutation { revealSecret(input: { id: "${createApiKey.secret.id}" }) { value } }`)) as unknown as {
      revealSecret: { value: string }
    }
    return data.revealSecret.value
  }
  const value = await reveal()
  first.child.kill('SIGTERM')
  await first.exited
  for (const [setting, name] of [
    ['SECRETS_KEK', 'secrets-kek'],
    ['KEY_PEPPER', 'key-pepper'],
  ] as const) {
    const old = env[setting] ?? readFileSync(join(folder, 'data', name), 'utf8').trim()
    env[setting] = `${randomBytes(32).toString('base64')},${old}`
  }
  const second = await serve()
  expect(await reveal()).toBe(value)
  expect(await verify(value, instanceId)).toBe('VALID')
  second.child.kill('SIGTERM')
  await second.exited
  env['SECRETS_KEK'] = env['SECRETS_KEK']?.split(',')[0] ?? ''
  const third = await serve()
  expect(await reveal()).toBe(value)
  third.child.kill('SIGTERM')
  await third.exited
})

test('migrate, bootstrap, --help and --version do what they say', async () => {
  expect((await cli(['migrate'])).stdout).toMatch(/up to date|Nothing to apply/)
  const made = await cli(['bootstrap', '--org', 'New Company', '--owner', 'ada@new.example'])
  expect(JSON.parse(made.stdout)).toMatchObject({
    slug: 'new-company',
    organizationId: expect.stringMatching(/^org_/),
    memberId: expect.stringMatching(/^mem_/),
  })
  const again = await cli(['bootstrap', '--org', 'New Company', '--owner', 'ada@new.example'])
  expect(again).toMatchObject({ code: 1, stdout: '' })
  expect(again.stderr).toContain('new-company exists')
  const letters = await cli(['bootstrap', '--org', '日本', '--owner', 'x'.repeat(200)])
  expect([letters.code, letters.stdout]).toEqual([2, ''])
  expect(letters.stderr).toContain('--slug')
  const named = await cli(['bootstrap', '--org', '日本', '--slug', 'nihon', '--owner', 'x'.repeat(200)])
  expect(JSON.parse(named.stdout)).toMatchObject({ slug: 'nihon' })
  const owned = await cli(['bootstrap', '--org', 'Société Générale', '--owner', 'sub-2', '--name', 'Ada Byron'])
  expect(JSON.parse(owned.stdout)).toMatchObject({ slug: 'societe-generale' })
  const { stdout: help } = await cli(['--help'])
  for (const command of ['serve', 'token', 'migrate', 'bootstrap']) expect(help).toContain(command)
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  expect((await cli(['--version'])).stdout).toBe(`${version}\n`)
})
