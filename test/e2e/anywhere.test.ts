import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { Agent } from 'node:http'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Client, cacheExchange, fetchExchange, gql } from '@urql/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, startFront } from '../support/gateways.ts'
import { createAndVerify, type Installed, installPacked, nobody, runAsNobody, serveAsNobody } from '../support/installed.ts'
import { inReachableContainer, startUnder } from '../support/lock-processes.ts'
import { freePort } from '../support/postgres.ts'
import { createHome, type Home, onPostgres } from '../support/processes.ts'
import { startProxy, type TcpProxy } from '../support/proxy.ts'

const data = mkdtempSync(join(tmpdir(), 'aura-keys-volume-'))
let installed: Installed
let home: Home
let as: { cwd: string; env: Record<string, string> }
/** What must end, the last one first. */
const ends: (() => unknown)[] = [() => rmSync(data, { recursive: true, force: true })]

beforeAll(async () => {
  home = await createHome({ DATA_DIR: data, TRUSTED_PROXIES: '127.0.0.1' })
  ends.push(() => home.remove())
  chownSync(data, nobody.uid, nobody.gid)
  installed = await installPacked()
  ends.push(installed.remove)
  as = { cwd: data, env: home.env }
}, 240_000)

afterAll(async () => {
  for (const end of ends.reverse()) await end()
})

const tokenOfAda = async (): Promise<string> => (await runAsNobody([installed.program, 'token', '--org', 'anywhere', '--as', 'ada'], as)).trim()
const lock = join(data, 'lock')
const holder = (): unknown => JSON.parse(readFileSync(lock, 'utf8'))
/** In milliseconds, on a busy machine. */
const startMs = 60_000

test('IN-09 a volume that a killed container holds is served at once, by a user who owns nothing else, and has what the container wrote', async () => {
  await runAsNobody([installed.program, 'bootstrap', '--org', 'Anywhere', '--owner', 'ada'], as)
  const { uid, gid } = nobody
  const under = [...inReachableContainer, 'elsewhere', 'setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups']
  const container = startUnder([installed.program, 'serve'], { under, env: home.env })
  ends.push(() => container.child.kill('SIGKILL'))
  await container.said('aura-keys serves at')
  expect(await createAndVerify(home.url, await tokenOfAda())).toBe('VALID')
  // PostgreSQL keeps everything, so that there the volume stays empty, without a lock.
  if (onPostgres) expect(readdirSync(data)).toEqual([])
  else {
    expect(holder()).toMatchObject({ machine: 'elsewhere', processId: 1 })
    await expect(runAsNobody([installed.program, 'migrate'], as)).rejects.toThrow('in use by process 1 on elsewhere')
  }
  container.signal('SIGKILL')
  expect(await container.ended).not.toBe(0)
  expect(existsSync(lock)).toBe(!onPostgres)
  const began = performance.now()
  const server = await serveAsNobody([installed.program, 'serve'], as)
  ends.push(server.stop)
  expect(performance.now() - began).toBeLessThan(startMs)
  // It asked the holder's socket, and did not wait until the lock stood still for long, which it would have said.
  expect(server.printed.join('')).not.toMatch(/no sign of life|in use/)
  if (!onPostgres) expect(holder()).toMatchObject({ machine: hostname() })
}, 240_000)

interface Fronts {
  /** An nginx that keeps connections to the server, and drops `Upgrade`, as it does by default. */
  readonly keeping: string
  /** Another one, which passes `Upgrade` as it comes, each time over a connection of its own. */
  readonly passing: string
}

const nginx = (keeping: string, keptHost: string, passing: string, passedHost: string): string => `
  daemon off;
  pid nginx.pid;
  error_log stderr;
  events {}
  http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_timeout 60s;
    proxy_http_version 1.1;
    upstream kept {
      server ${keptHost};
      keepalive 8;
      keepalive_timeout 60s;
    }
    server {
      listen ${keeping};
      location / {
        proxy_pass http://kept;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header Connection '';
      }
    }
    server {
      listen ${passing};
      location / {
        proxy_pass http://${passedHost};
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $http_connection;
      }
    }
  }`

describe('behind nginx', () => {
  let fronts: Fronts
  let token: string
  /** What came first over each connection that nginx made. */
  const first = { kept: [] as string[], passed: [] as string[] }
  const key = { plaintext: '', id: '', instanceId: '' }

  beforeAll(async () => {
    const through = async (seen: string[]): Promise<TcpProxy> => {
      const proxy = await startProxy(home.url, (said) => {
        seen.push(String(said))
        return said
      })
      ends.push(proxy.stop)
      return proxy
    }
    const [kept, passed] = [await through(first.kept), await through(first.passed)].map(({ url }) => new URL(url).host) as [string, string]
    const passing = `127.0.0.1:${await freePort()}`
    const front = await startFront('nginx', (port) => nginx(`127.0.0.1:${port}`, kept, passing, passed))
    ends.push(front.stop)
    fronts = { keeping: front.url, passing: `http://${passing}` }
    token = await tokenOfAda()
  })

  const verify = async (url: string, headers = {}, agent?: Agent): Promise<[number, unknown]> => {
    const { status, text } = await ask(`${url}/v1/verify`, headers, 'POST', JSON.stringify({ key: key.plaintext, instanceId: key.instanceId }), agent)
    return [status, JSON.parse(text).code]
  }

  /** urql as it is when it is told nothing but where to ask, and as whom. */
  const urql = (): Client =>
    new Client({ url: `${fronts.keeping}/graphql`, exchanges: [cacheExchange, fetchExchange], fetchOptions: { headers: { authorization: `Bearer ${token}` } } })

  const keys = gql`{ app(slug: "packed") { id instances(first: 2) { edges { node { id apiKeys(first: 9) { edges { node { id name status } } } } } } } }`
  const create = gql`mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { plaintext apiKey { id name status instance { id } } } }`
  const revoke = gql`mutation ($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { apiKey { id status } } }`

  /** Names and states of the keys of the first instance, with its id. */
  async function list(client: Client): Promise<{ id: string; keys: Record<string, string> }> {
    const { data, error } = await client.query(keys, {})
    if (error) throw error
    expect(data.app.instances.edges).toHaveLength(1)
    const { id, apiKeys } = data.app.instances.edges[0].node
    return { id, keys: Object.fromEntries(apiKeys.edges.map(({ node }: { node: { name: string; status: string } }) => [node.name, node.status])) }
  }

  test('IN-09 urql with its defaults lists what the container wrote, and creates a key, which is verified', async () => {
    const client = urql()
    const before = await list(client)
    expect(before.keys).toEqual({ key: 'ACTIVE' })
    const { data, error } = await client.mutation(create, { input: { instanceId: before.id, name: 'urql', expiresInDays: 1 } })
    expect(error).toBeUndefined()
    Object.assign(key, { plaintext: data.createApiKey.plaintext, id: data.createApiKey.apiKey.id, instanceId: before.id })
    expect((await list(client)).keys).toEqual({ key: 'ACTIVE', urql: 'ACTIVE' })
    expect(await verify(fronts.keeping)).toEqual([200, 'VALID'])
  })

  test('IN-09 a POST goes through over a connection that was idle for longer than Node keeps one by itself', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    ends.push(() => agent.destroy())
    expect(await verify(fronts.keeping, {}, agent)).toEqual([200, 'VALID'])
    const opened = first.kept.length
    await pause(7_000)
    expect(await verify(fronts.keeping, {}, agent)).toEqual([200, 'VALID'])
    expect([opened, first.kept.length]).toEqual([opened, opened])
    expect(opened).toBeGreaterThan(0)
  })

  /** What Java's client adds to each request over plain HTTP. */
  const java = {
    connection: 'Upgrade, HTTP2-Settings',
    upgrade: 'h2c',
    'http2-settings': 'AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA',
    'user-agent': 'Java-http-client/21',
  }

  test.each(['directly', 'through an nginx that drops Upgrade', 'through an nginx that passes it'] as const)(
    "IN-09 requests with the headers of Java's client are answered %s",
    async (way) => {
      const url = { directly: home.url, 'through an nginx that drops Upgrade': fronts.keeping, 'through an nginx that passes it': fronts.passing }[way]
      const query = '{ viewer { member { name } } }'
      const headers = { ...java, authorization: `Bearer ${token}` }
      const asked = [
        await ask(`${url}/graphql`, { ...headers, 'content-type': 'application/json' }, 'POST', JSON.stringify({ query })),
        await ask(`${url}/graphql?query=${encodeURIComponent(query)}`, { ...headers, 'x-graphql-csrf': '1' }),
      ]
      for (const { status, text } of asked) expect([status, JSON.parse(text)]).toEqual([200, { data: { viewer: { member: { name: 'ada' } } } }])
      expect(await verify(url, java)).toEqual([200, 'VALID'])
      expect((await ask(`${url}/readyz`, java)).status).toBe(200)
      const asksForUpgrade = (seen: readonly string[]): boolean[] => seen.map((said) => /^upgrade: h2c\r$/im.test(said))
      if (url === fronts.passing) expect(asksForUpgrade(first.passed)).toEqual([true, true, true, true])
      expect(asksForUpgrade(first.kept)).not.toContain(true)
    },
  )

  test('IN-09 urql revokes the key, sees that, and verification denies it from then on', async () => {
    const client = urql()
    expect((await list(client)).keys).toEqual({ key: 'ACTIVE', urql: 'ACTIVE' })
    const { data, error } = await client.mutation(revoke, { input: { id: key.id, acknowledged: true } })
    expect(error).toBeUndefined()
    expect(data.revokeApiKey.apiKey).toMatchObject({ id: key.id, status: 'REVOKED' })
    for (const url of [fronts.keeping, fronts.passing, home.url]) expect(await verify(url)).toEqual([200, 'REVOKED'])
    expect((await list(client)).keys).toMatchObject({ key: 'ACTIVE', urql: 'REVOKED' })
  })
})
