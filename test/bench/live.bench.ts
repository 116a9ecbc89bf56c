import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { signToken } from '../../src/access/tokens.ts'
import { KeyCountsDocument } from '../generated/operations.ts'
import { freePort, withDatabase } from '../support/postgres.ts'
import { type Contender, changes } from './live/contender.ts'
import { cpuMicros, endProcesses, pinning, residentKb, type Server, startClients, startSmallServer, startThisServer } from './live/processes.ts'
import { chart, machine, quantile, type Spread, show, spread, table, write } from './live/report.ts'

const sizes = (process.env['BENCH_SIZES'] ?? '100,1000,3000,10000').split(',').map(Number)
const holdSeconds = Number(process.env['BENCH_SECONDS'] ?? 60)
const rounds = 3
const now = (): number => performance.timeOrigin + performance.now()

const folder = mkdtempSync(join(tmpdir(), 'aura-keys-bench-'))
const secret = randomBytes(32).toString('hex')
let database: Client
let ours: Server
let authorization: string
let instances: string[]
const pages: string[] = []
const figures: Record<string, unknown> = { machine: machine(), pinning }
let svg: string | null = null

beforeAll(async () => {
  const name = `bench_${randomBytes(4).toString('hex')}`
  const admin = new Client({ connectionString: inject('postgresUrl') })
  await admin.connect()
  await admin.query(`CREATE DATABASE ${name}`)
  await admin.end()
  const url = withDatabase(inject('postgresUrl'), name)
  const key = (): string => randomBytes(32).toString('base64')
  const port = await freePort()
  const limits = { WS_MAX_SOCKETS_PER_MEMBER: '100000', WS_MAX_SUBSCRIPTIONS_PER_SOCKET: '1000', WS_MAX_MESSAGES_PER_MINUTE: '100000' }
  const secrets = { AUTH_SECRET: secret, KEY_PEPPER: key(), SECRETS_KEK: key() }
  ours = await startThisServer({ PORT: String(port), DATA_DIR: folder, DATABASE_URL: url, LOG_LEVEL: 'error', NODE_ENV: 'production', ...secrets, ...limits })
  const claims = { subject: 'owner@demo.example', organization: 'demo', organizationClaim: 'org', ttl: '2h' }
  authorization = `Bearer ${await signToken(new TextEncoder().encode(secret), claims)}`
  database = new Client({ connectionString: url })
  await database.connect()
  // A thousand instances, made by SQL: making them is not what is measured.
  await database.query(`
    INSERT INTO app_instance (id, organization_id, app_id, name, status, created_by_id, created_at)
    SELECT 'ins_' || '01j' || substr(translate(md5(n::text), 'iou', 'xyz'), 1, 23), a.organization_id, a.id, 'bench ' || n, 'ACTIVE', m.id, now()
    FROM generate_series(1, 1000) n, (SELECT * FROM app ORDER BY id LIMIT 1) a,
      (SELECT m.id FROM member m JOIN organization o ON o.id = m.organization_id WHERE o.slug = 'demo' AND m.subject = 'owner@demo.example') m`)
  instances = (await database.query("SELECT id FROM app_instance WHERE name LIKE 'bench %' ORDER BY id")).rows.map(({ id }: { id: string }) => id)
}, 120_000)
afterAll(async () => {
  endProcesses()
  await database.end()
  rmSync(folder, { recursive: true, force: true })
  if (pages.length > 0) write(`\n${[`${machine()}; ${pinning}.`, ...pages].join('\n\n')}\n`, figures, svg)
  console.log(pages.join('\n\n'))
})

async function create(instanceId: string): Promise<void> {
  const query = 'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } } }'
  const input = { instanceId, name: 'benched', expiresInDays: 1 }
  const headers = { authorization, 'content-type': 'application/json' }
  const answer = await fetch(`${ours.url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query, variables: { input } }) })
  const { errors } = (await answer.json()) as { errors?: unknown }
  if (errors) throw new Error(JSON.stringify(errors))
}

const subscription = (instanceId: string): object => ({ query: KeyCountsDocument.toString(), variables: { instanceId } })

test('one change to many sockets', async () => {
  const watched = instances[0] as string
  const [bare, stock] = [await startSmallServer('bare-server'), await startSmallServer('stock-server')]
  const post = (url: string) => async (): Promise<void> => void (await (await fetch(url, { method: 'POST' })).text())
  const rows: string[][] = []
  const lines: Record<'bare ws' | 'stock parts' | 'aura-keys', number[]> = { 'bare ws': [], 'stock parts': [], 'aura-keys': [] }
  const results: object[] = []
  // The largest first: only then the memory of sockets is not what was left from others.
  for (const size of [...sizes].sort((a, b) => b - a)) {
    const subscriptions = Array.from({ length: size }, () => subscription(watched))
    const contender = (server: Server, change: () => Promise<void>, how: object): Contender => {
      const clients = startClients()
      const open = (count: number) => clients.open({ url: server.url, authorization, subscriptions, answers: 1, count, wave: 200, ...how })
      return { server, clients, change, open }
    }
    const contenders = {
      'bare ws': contender(bare, post(`${bare.url}/change`), { subscriptions: [] }),
      'stock parts': contender(stock, post(`${stock.url}/change?instance=${watched}`), { isSilent: true }),
      'aura-keys': contender(ours, () => create(watched), {}),
    }
    const count = Math.max(10, Math.min(200, Math.round(30_000 / size)))
    const cpu: Record<string, number[]> = {}
    const wall: Record<string, number[]> = {}
    const memory: Record<string, number> = {}
    for (const [name, each] of Object.entries(contenders)) {
      // What a change costs without anybody who watches is not delivery.
      const idle = (await changes(each, count, 0)).cpu
      const resident = residentKb(each.server)
      await each.open(size)
      await pause(1_500)
      memory[name] = (residentKb(each.server) - resident) / size
      for (let round = 0; round < rounds; round++) {
        const { cpu: busy, wallMs } = await changes(each, count, size)
        cpu[name] = [...(cpu[name] ?? []), (busy - idle) / size]
        wall[name] = [...(wall[name] ?? []), ...wallMs]
      }
      await each.clients.cut()
      await pause(500)
    }
    const ratios = (to: string): Spread => {
      const least = spread(cpu[to] ?? []).median
      return spread((cpu['aura-keys'] ?? []).map((value) => value / least))
    }
    for (const name of Object.keys(lines) as (keyof typeof lines)[]) {
      const micros = spread(cpu[name] ?? [])
      lines[name].push(micros.median)
      const ratio = name === 'bare ws' ? '1' : spread((cpu[name] ?? []).map((value) => value / spread(cpu['bare ws'] ?? []).median))
      const took = wall[name] ?? []
      rows.push([
        size.toLocaleString('en'),
        name,
        show(micros),
        typeof ratio === 'string' ? ratio : show(ratio),
        quantile(took, 0.5).toFixed(0),
        quantile(took, 0.99).toFixed(0),
        size === Math.max(...sizes) ? (memory[name] ?? 0).toFixed(1) : '',
      ])
      results.push({
        size,
        name,
        cpuMicros: micros,
        wallMs: { p50: quantile(took, 0.5), p99: quantile(took, 0.99) },
        ...(size === Math.max(...sizes) ? { kbPerSocket: memory[name] } : {}),
      })
    }
    results.push({ size, ratios: { bare: ratios('bare ws'), stock: ratios('stock parts') } })
  }
  const head = ['sockets', 'server', 'CPU µs per delivery', '× bare', 'to the last socket, p50 ms', 'p99 ms', 'kB per socket']
  pages.push(`### One change to many sockets\n\n${table(head, rows)}\n\n![CPU per delivery](docs/bench-live.svg)`)
  figures['fanout'] = results
  svg = chart(
    'Server CPU per delivery, µs',
    [...sizes].sort((a, b) => b - a),
    lines,
  )
}, 600_000)

/** How old each answer's newest number was when it arrived, by the database's own time of the change. */
async function ages(report: readonly (readonly [number, readonly number[]])[]): Promise<number[]> {
  const versions = report.map(([version]) => version)
  const { rows } = await database.query(
    "SELECT version::float8 AS version, occurred_at AS at FROM event WHERE version = ANY($1) AND organization_id = (SELECT id FROM organization WHERE slug = 'demo')",
    [versions],
  )
  const occurred = new Map(rows.map(({ version, at }: { version: number; at: Date }) => [version, at.getTime()]))
  return report.flatMap(([version, moments]) => moments.map((moment) => moment - (occurred.get(version) ?? Number.NaN)))
}

test('many sockets, a change each second, held', async () => {
  const size = Math.max(...sizes)
  const watched = instances[1] as string
  const clients = startClients()
  await clients.open({ url: ours.url, authorization, subscriptions: Array(size).fill(subscription(watched)), answers: 1, count: size, wave: 200 })
  await clients.report()
  for (let second = 0; second < holdSeconds; second++) {
    const next = pause(1_000)
    await create(watched)
    await next
  }
  await pause(1_000)
  const report = await clients.report()
  expect(report.map(([, moments]) => moments.length)).toEqual(Array(holdSeconds).fill(size))
  const took = await ages(report)
  figures['hold'] = {
    size,
    seconds: holdSeconds,
    p50: quantile(took, 0.5),
    p99: quantile(took, 0.99),
    most: Math.max(...report.flatMap(() => quantile(took, 1))),
  }
  pages.push(
    `### ${size.toLocaleString('en')} sockets, a change each second for ${holdSeconds} s\n\n${took.length.toLocaleString('en')} deliveries, none lost; from the change to its arrival p50 ${quantile(took, 0.5).toFixed(0)} ms, p99 ${quantile(took, 0.99).toFixed(0)} ms, the last ${quantile(took, 1).toFixed(0)} ms.`,
  )
  await clients.cut()
  await pause(500)
}, 600_000)

test('a thousand instances with ten watchers each, all changing', async () => {
  const clients = startClients()
  // Each instance ten times, twenty subscriptions to a socket.
  const subscriptions = Array.from({ length: 10_000 }, (_, index) => subscription(instances[index % 1_000] as string))
  await clients.open({ url: ours.url, authorization, subscriptions, answers: 20, count: 500, wave: 50 })
  await clients.report()
  const before = cpuMicros(ours)
  const began = now()
  const made = new Array(1_000).fill(0)
  let turn = 0
  const write = async (): Promise<void> => {
    while (now() - began < 20_000) {
      const index = turn++ % 1_000
      await create(instances[index] as string)
      made[index]++
    }
  }
  await Promise.all(Array.from({ length: 8 }, write))
  const seconds = (now() - began) / 1_000
  await pause(1_500)
  const report = await clients.report()
  const cpu = (cpuMicros(ours) - before) / 1_000_000
  const rows = await database.query('SELECT subject_id AS id, active FROM key_count WHERE subject_id = ANY($1)', [instances])
  const counted = new Map(rows.rows.map(({ id, active }: { id: string; active: number }) => [id, active]))
  for (const [place, active] of await clients.newest()) {
    const [socket, id] = place.split(' ').map(Number) as [number, number]
    expect(active).toBe(counted.get(instances[(socket * 20 + id - 1) % 1_000] as string))
  }
  const took = await ages(report)
  figures['instances'] = {
    changesPerSecond: turn / seconds,
    deliveries: took.length,
    p50: quantile(took, 0.5),
    p99: quantile(took, 0.99),
    cpuSeconds: cpu,
    seconds,
  }
  pages.push(
    `### 1,000 instances with 10 watchers each, all changing\n\n8 writers, ${(turn / seconds).toFixed(0)} changes a second for ${seconds.toFixed(0)} s: ${took.length.toLocaleString('en')} deliveries, every watcher at the final count; from the newest change in an answer to its arrival p50 ${quantile(took, 0.5).toFixed(0)} ms, p99 ${quantile(took, 0.99).toFixed(0)} ms; the server used ${cpu.toFixed(1)} s of CPU, creating included.`,
  )
  await clients.cut()
  await pause(500)
}, 600_000)

test('five thousand sockets that come back all at once', async () => {
  const size = 5_000
  const clients = startClients()
  const how = { url: ours.url, authorization, subscriptions: Array(size).fill(subscription(instances[2] as string)), answers: 1, count: size }
  await clients.open({ ...how, wave: 200 })
  await clients.cut()
  await pause(2_000)
  const statements = async (): Promise<number> =>
    Number((await database.query('SELECT xact_commit AS n FROM pg_stat_database WHERE datname = current_database()')).rows[0].n)
  const [first, cpu, began] = [await statements(), cpuMicros(ours), now()]
  await clients.open({ ...how, wave: size })
  const seconds = (now() - began) / 1_000
  const used = (cpuMicros(ours) - cpu) / 1_000_000
  // PostgreSQL counts with a delay.
  await pause(2_000)
  const committed = (await statements()) - first
  figures['storm'] = { size, seconds, cpuSeconds: used, transactions: committed }
  pages.push(
    `### A storm of 5,000 sockets\n\nCut and opened again all at once: all have their counts after ${seconds.toFixed(1)} s, with ${used.toFixed(1)} s of server CPU and ${committed} transactions in the database, those of the background work included.`,
  )
}, 600_000)
