import { writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { KeyCountsDocument } from '../generated/operations.ts'
import { startClients } from './live/clients.ts'
import { type Contender, changes } from './live/contender.ts'
import { createSubject, type Subject } from './live/subject.ts'
import { cpuMicros, endProcesses, pinning, residentKb, type Server, startSmallServer } from './processes.ts'
import { chart, machine, publish, quantile, type Spread, show, spread, table } from './report.ts'

const sizes = (process.env['BENCH_SIZES'] ?? '100,1000,3000,10000').split(',').map(Number)
const holdSeconds = Number(process.env['BENCH_SECONDS'] ?? 60)
const rounds = 3
const now = (): number => performance.timeOrigin + performance.now()

let subject: Subject
const pages: string[] = []
const figures: Record<string, unknown> = { machine: machine(), pinning }
let svg: string | null = null

beforeAll(async () => {
  subject = await createSubject(inject('postgresUrl'))
}, 120_000)
afterAll(async () => {
  endProcesses()
  await subject.close()
  if (pages.length > 0) {
    publish('live', [`${machine()}; ${pinning}.`, ...pages].join('\n\n'))
    writeFileSync('docs/bench-live.json', `${JSON.stringify(figures, null, 2)}\n`)
    if (svg !== null) writeFileSync('docs/bench-live.svg', svg)
  }
  console.log(pages.join('\n\n'))
})

const subscription = (instanceId: string | undefined): object => ({ query: KeyCountsDocument.toString(), variables: { instanceId } })

interface Measured {
  cpu: number[]
  wallMs: number[]
  kbPerSocket: number
}

/** What `size` sockets cost on one server, less what the same changes cost while nobody watches. */
async function measure(contender: Contender, size: number): Promise<Measured> {
  const count = Math.max(10, Math.min(100, Math.round(30_000 / size)))
  const idle = (await changes(contender, count, 0)).cpu
  const resident = residentKb(contender.server)
  await contender.open(size)
  await pause(1_500)
  const measured: Measured = { cpu: [], wallMs: [], kbPerSocket: (residentKb(contender.server) - resident) / size }
  for (let round = 0; round < rounds; round++) {
    const { cpu, wallMs } = await changes(contender, count, size)
    measured.cpu.push((cpu - idle) / size)
    measured.wallMs.push(...wallMs)
  }
  await contender.clients.end()
  await contender.server.end()
  return measured
}

test('one change to many sockets', async () => {
  const [watched] = subject.instances
  const post = (url: string) => async (): Promise<void> => void (await (await fetch(url, { method: 'POST' })).text())
  const rows: string[][] = []
  const lines: Record<'bare ws' | 'stock parts' | 'aura-keys', number[]> = { 'bare ws': [], 'stock parts': [], 'aura-keys': [] }
  const results: object[] = []
  for (const size of sizes) {
    const { authorization } = subject
    const subscriptions = Array(size).fill(subscription(watched))
    const contender = (server: Server, change: () => Promise<void>, how: object): Contender => {
      const clients = startClients()
      const open = (count: number) => clients.open({ url: server.url, authorization, subscriptions, answers: 1, count, wave: 200, ...how })
      return { server, clients, change, open }
    }
    // Each in a process of its own, new for each size: what was measured before left nothing in its memory.
    const bare = await startSmallServer('live/bare-server.mjs')
    const stock = await startSmallServer('live/stock-server.mjs')
    const measured = {
      'bare ws': await measure(contender(bare, post(`${bare.url}/change`), { subscriptions: [] }), size),
      'stock parts': await measure(contender(stock, post(`${stock.url}/change?instance=${watched}`), { isSilent: true }), size),
      'aura-keys': await measure({ ...contender(subject.server, () => subject.create(String(watched)), {}), occurred: subject.occurred }, size),
    }
    await subject.restart()
    const ratio = (of: Measured, to: Measured): Spread => spread(of.cpu.map((value) => value / spread(to.cpu).median))
    for (const [name, each] of Object.entries(measured) as [keyof typeof lines, Measured][]) {
      const [cpu, toBare, toStock] = [spread(each.cpu), ratio(each, measured['bare ws']), ratio(each, measured['stock parts'])]
      const [p50, p99] = [quantile(each.wallMs, 0.5), quantile(each.wallMs, 0.99)]
      lines[name].push(cpu.median)
      rows.push([size.toLocaleString('en'), name, show(cpu), show(toBare), show(toStock), p50.toFixed(0), p99.toFixed(0), each.kbPerSocket.toFixed(1)])
      results.push({ size, name, cpuMicros: cpu, toBare, toStock, wallMs: { p50, p99 }, kbPerSocket: each.kbPerSocket })
    }
  }
  const head = ['sockets', 'server', 'CPU µs per delivery', '× bare', '× stock', 'to the last socket, p50 ms', 'p99 ms', 'kB per socket']
  pages.push(`### One change to many sockets\n\n${table(head, rows)}\n\n![CPU per delivery](docs/bench-live.svg)`)
  figures['fanout'] = results
  svg = chart('Server CPU per delivery, µs', sizes, lines)
}, 1_800_000)

/** How old each answer's newest number was when it arrived, by the time that the change was written down with. */
async function ages(report: readonly (readonly [number, readonly number[]])[]): Promise<number[]> {
  const occurred = await subject.occurred(report.map(([version]) => version))
  return report.flatMap(([version, moments]) => moments.map((moment) => moment - (occurred.get(version) ?? Number.NaN)))
}

test('many sockets, a change each second, held', async () => {
  const size = Math.max(...sizes)
  const watched = String(subject.instances[1])
  const { authorization, server } = subject
  const clients = startClients()
  await clients.open({ url: server.url, authorization, subscriptions: Array(size).fill(subscription(watched)), answers: 1, count: size, wave: 200 })
  await clients.report()
  for (let second = 0; second < holdSeconds; second++) {
    const next = pause(1_000)
    await subject.create(watched)
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
  const { authorization, instances, server } = subject
  const clients = startClients()
  // Each instance ten times, twenty subscriptions to a socket.
  const subscriptions = Array.from({ length: 10_000 }, (_, index) => subscription(instances[index % 1_000] as string))
  await clients.open({ url: server.url, authorization, subscriptions, answers: 20, count: 500, wave: 50 })
  await clients.report()
  const before = cpuMicros(server)
  const began = now()
  const made = new Array(1_000).fill(0)
  let turn = 0
  const write = async (): Promise<void> => {
    while (now() - began < 20_000) {
      const index = turn++ % 1_000
      await subject.create(String(instances[index]))
      made[index]++
    }
  }
  await Promise.all(Array.from({ length: 8 }, write))
  const seconds = (now() - began) / 1_000
  await pause(1_500)
  const report = await clients.report()
  const cpu = (cpuMicros(server) - before) / 1_000_000
  const rows = await subject.database.query('SELECT subject_id AS id, active FROM key_count WHERE subject_id = ANY($1)', [instances])
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
  const { authorization, server } = subject
  const clients = startClients()
  const how = { url: server.url, authorization, subscriptions: Array(size).fill(subscription(subject.instances[2])), answers: 1, count: size }
  await clients.open({ ...how, wave: 200 })
  await clients.cut()
  await pause(2_000)
  const statements = async (): Promise<number> =>
    Number((await subject.database.query('SELECT xact_commit AS n FROM pg_stat_database WHERE datname = current_database()')).rows[0].n)
  const [first, cpu, began] = [await statements(), cpuMicros(server), now()]
  await clients.open({ ...how, wave: size })
  const seconds = (now() - began) / 1_000
  const used = (cpuMicros(server) - cpu) / 1_000_000
  // PostgreSQL counts with a delay.
  await pause(2_000)
  const committed = (await statements()) - first
  figures['storm'] = { size, seconds, cpuSeconds: used, transactions: committed }
  pages.push(
    `### A storm of 5,000 sockets\n\nCut and opened again all at once: all have their counts after ${seconds.toFixed(1)} s, with ${used.toFixed(1)} s of server CPU and ${committed} transactions in the database, those of the background work included.`,
  )
}, 600_000)
