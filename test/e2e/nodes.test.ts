import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { signToken } from '../../src/authentication/tokens.ts'
import { freePort, startPostgres } from '../support/postgres.ts'
import { newSeed, seededRandom } from '../support/random.ts'
import { type Counts, ResumingBadge, ResumingFeed } from '../support/resuming.ts'

// Real processes, so that one can be killed; on PostgreSQL a server of their own, so that it can be restarted.
const onPostgres = process.env['TEST_STORE'] === 'postgresql'
const secret = 'a secret for the processes of tests'
const folder = mkdtempSync(join(tmpdir(), 'aura-keys-nodes-'))
const shared: Record<string, string> = {
  PATH: process.env['PATH'] ?? '',
  HOME: folder,
  AUTH_SECRET: secret,
  KEY_PEPPER: randomBytes(32).toString('base64'),
  SECRETS_KEK: randomBytes(32).toString('base64'),
  WS_MAX_SOCKETS_PER_MEMBER: '1000',
  WS_MAX_MESSAGES_PER_MINUTE: '100000',
  LOG_LEVEL: 'fatal',
}

interface Node {
  readonly url: string
  readonly env: Record<string, string>
  child: ChildProcess | null
}

let nodes: Node[]
let postgres: Awaited<ReturnType<typeof startPostgres>> | null = null
let authorization: string

async function start(node: Node): Promise<void> {
  const child = spawn(process.execPath, ['dist/main.js', 'serve', '--demo'], { env: node.env, stdio: ['ignore', 'ignore', 'inherit'] })
  node.child = child
  let ended: number | null | undefined
  child.once('exit', (code) => {
    ended = code
  })
  await vi.waitFor(
    async () => {
      if (ended !== undefined) throw new Error(`the node ended with ${ended}`)
      expect((await fetch(`${node.url}/readyz`)).status).toBe(200)
    },
    { timeout: 40_000, interval: 50 },
  )
}

async function kill({ child }: Node): Promise<void> {
  const ended = new Promise((resolve) => child?.once('exit', resolve))
  child?.kill('SIGKILL')
  await ended
}

beforeAll(async () => {
  if (onPostgres) {
    postgres = await startPostgres()
    shared['DATABASE_URL'] = postgres.url
  }
  nodes = []
  for (let index = 0; index < (onPostgres ? 3 : 1); index++) {
    const port = String(await freePort())
    nodes.push({ url: `http://127.0.0.1:${port}`, env: { ...shared, PORT: port, DATA_DIR: join(folder, String(index)) }, child: null })
  }
  for (const node of nodes) await start(node)
  authorization = `Bearer ${await signToken(new TextEncoder().encode(secret), { subject: 'owner@demo.example', organization: 'demo', organizationClaim: 'org', ttl: '1h' })}`
}, 120_000)
afterAll(async () => {
  for (const { child } of nodes) child?.kill('SIGKILL')
  await postgres?.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function graphql<Data>(url: string, query: string, variables: object = {}): Promise<Data> {
  const answer = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(10_000),
  })
  const { data, errors } = (await answer.json()) as { data: Data; errors?: { extensions: { code: string } }[] }
  if (errors) throw new Error(errors[0]?.extensions.code)
  return data
}

const urlOf = (index: number): string => (nodes[index % nodes.length] as Node).url

/** Ends every connection on which a node listens. */
async function cutListeners(): Promise<void> {
  const client = new Client({ connectionString: shared['DATABASE_URL'] })
  await client.connect()
  await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query LIKE 'SELECT pg_notify%'")
  await client.end()
}

/** What breaks while everybody writes and watches. */
async function breakThings(random: () => number): Promise<void> {
  const victim = nodes[Math.floor(random() * nodes.length)] as Node
  if (onPostgres) await cutListeners()
  await pause(300 * random())
  await kill(victim)
  await pause(300 * random())
  await start(victim)
  if (!postgres) return
  await cutListeners()
  await pause(300 * random())
  // At once, without a goodbye: it recovers from its log.
  await postgres.stop('SIGQUIT')
  await pause(300 * random())
  await postgres.start()
  await cutListeners()
}

const keyEvents = 'query ($after: String) { auditLog(first: 100, after: $after) { edges { node { version kind } } pageInfo { hasNextPage endCursor } } }'

/** The versions of all changes of keys above `start`, as the audit log has them. */
async function written(start: number): Promise<number[]> {
  const versions: number[] = []
  for (let after: string | null = null; ; ) {
    type Page = { auditLog: { edges: { node: { version: number; kind: string } }[]; pageInfo: { hasNextPage: boolean; endCursor: string } } }
    const { auditLog }: Page = await graphql<Page>(urlOf(0), keyEvents, { after })
    for (const { node } of auditLog.edges) if (node.version > start && node.kind.startsWith('API_KEY_')) versions.unshift(node.version)
    if (!auditLog.pageInfo.hasNextPage) return versions
    after = auditLog.pageInfo.endCursor
  }
}

const seed = newSeed()
test(`a node killed, ${onPostgres ? 'PostgreSQL restarted, listeners cut' : 'and started again'}: every feed is whole and in order, and every badge true (seed ${seed})`, async () => {
  const random = seededRandom(seed)
  const state =
    '{ viewer { organization { version keyCounts { active expired orphaned revoked version } } } instances: app(slug: "analyst") { instances { edges { node { id } } } } }'
  type State = { viewer: { organization: { version: number; keyCounts: Counts } }; instances: { instances: { edges: { node: { id: string } }[] } } }
  const before = await graphql<State>(urlOf(0), state)
  const begin = before.viewer.organization.version
  const instances = before.instances.instances.edges.map(({ node }) => node.id)
  const target = { url: urlOf, authorization }
  const transportOf = (index: number) => (index % 2 === 0 ? 'WebSocket' : 'SSE')
  const feeds = Array.from({ length: 20 }, (_, index) => new ResumingFeed(begin).start(transportOf(index), target, index))
  const badges = Array.from({ length: 10 }, (_, index) => new ResumingBadge().start(transportOf(index), target, index))

  let isOver = false
  const made: string[] = []
  const write = async (writer: number): Promise<void> => {
    let mine = 0
    for (let call = 0; call < 2_000 && (!isOver || mine < 25); call++) {
      const known = made[Math.floor(random() * made.length)]
      const change =
        known !== undefined && random() < 0.3
          ? graphql(urlOf(writer + call), 'mutation ($id: ID!) { revokeApiKey(input: { id: $id, acknowledged: true }) { apiKey { id } } }', { id: known })
          : graphql<{ createApiKey: { apiKey: { id: string } } }>(
              urlOf(writer + call),
              'mutation ($instanceId: ID!) { createApiKey(input: { instanceId: $instanceId, name: "written", expiresInDays: 3 }) { apiKey { id } } }',
              { instanceId: instances[Math.floor(random() * instances.length)] },
            ).then(({ createApiKey }) => made.push(createApiKey.apiKey.id))
      // What breaks is the point; whether it was written then, the audit log says.
      await change.then(
        () => mine++,
        () => pause(50),
      )
      await pause(30 * random())
    }
  }
  const writing = Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)))
  await breakThings(random)
  isOver = true
  await writing

  const expected = await written(begin)
  expect(expected.length).toBeGreaterThanOrEqual(100)
  await vi.waitFor(() => expect(feeds.map(({ versions }) => versions.at(-1))).toEqual(feeds.map(() => expected.at(-1))), { timeout: 30_000 })
  for (const feed of feeds) {
    expect(feed.versions).toEqual(expected)
    expect(feed.refusals.filter((code) => code !== 'UNAVAILABLE')).toEqual([])
  }
  expect(Math.max(...feeds.map(({ connections }) => connections))).toBeGreaterThan(1)

  // A recount by status, from the rows, on every node and by every badge.
  const recounted = Object.fromEntries(
    await Promise.all(
      (['ACTIVE', 'EXPIRED', 'ORPHANED', 'REVOKED'] as const).map(async (status) => {
        const query = `{ apiKeys(first: 0, filter: { status: [${status}], search: "" }) { totalCount } }`
        return [status.toLowerCase(), (await graphql<{ apiKeys: { totalCount: number } }>(urlOf(0), query)).apiKeys.totalCount] as const
      }),
    ),
  )
  for (const node of nodes) expect((await graphql<State>(node.url, state)).viewer.organization.keyCounts).toMatchObject(recounted)
  await vi.waitFor(() => {
    for (const badge of badges) expect(badge.shown).toMatchObject(recounted)
  }, 20_000)
  await Promise.all([...feeds, ...badges].map((client) => client.stop()))
}, 240_000)
