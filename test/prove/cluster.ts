import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { freePort, type Postgres, startPostgres, withDatabase } from '../support/postgres.ts'
import { startProxy, type TcpProxy } from '../support/proxy.ts'

export const secret = 'a secret for the processes of tests'
export const nodeCount = 3

/** One node of several: a process, and what stands between it and the database. */
export interface Node {
  readonly index: number
  readonly url: string
  readonly proxy: TcpProxy
  start(): Promise<void>
  /** By SIGKILL, and answers once it is gone. */
  kill(): Promise<void>
  /** SIGSTOP, SIGCONT. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** Sets its time of day off from the machine's, until it is started anew. */
  setClock(aheadMs: number): Promise<void>
}

export interface Cluster {
  readonly postgres: Postgres
  readonly nodes: readonly Node[]
  readonly env: Readonly<Record<string, string>>
  node(index: number): Node
  /** Past the proxies; `database`: another one of the same server. */
  sql(text: string, database?: string): Promise<Record<string, unknown>[]>
  stop(): Promise<void>
}

async function isReady(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(() => null)
  return answer?.status === 200
}

/** A node that is not started yet; `program`: the folder of the compiled server, maybe with a fault in it. */
async function createNode(index: number, program: string, env: Readonly<Record<string, string>>, databaseUrl: string): Promise<Node> {
  const port = String(await freePort())
  const url = `http://127.0.0.1:${port}`
  const proxy = await startProxy(databaseUrl)
  let child: ChildProcess | null = null
  const kill = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  return {
    index,
    url,
    proxy,
    kill,
    start: async () => {
      const args = ['--import', resolve('test/prove/clock.mjs'), join(program, 'main.js'), 'serve']
      const own = { ...env, PORT: port, DATABASE_URL: proxy.url, DATA_DIR: join(env['HOME'] ?? '', String(index)) }
      const started = spawn(process.execPath, args, { env: own, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
      child = started
      for (const giveUp = performance.now() + 120_000; !(await isReady(url)); await pause(50)) {
        if (started.exitCode !== null || performance.now() > giveUp) throw new Error(`node ${index} did not start, or ended with ${started.exitCode}`)
      }
    },
    signal: (signal) => void child?.kill(signal),
    setClock: async (aheadMs) => {
      if (!child) return
      const taken = once(child, 'message', { signal: AbortSignal.timeout(10_000) })
      child.send(aheadMs)
      await taken
    },
  }
}

/** Three nodes, each behind a proxy of its own, on a PostgreSQL of their own that is empty but for its schema. */
export async function startCluster(prepare: (env: Readonly<Record<string, string>>) => Promise<void>, program = resolve('dist')): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-prove-'))
  const postgres = await startPostgres()
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    AUTH_SECRET: secret,
    KEY_PEPPER: randomBytes(32).toString('base64'),
    SECRETS_KEK: randomBytes(32).toString('base64'),
    KEY_CREATIONS_PER_MINUTE: '1000000',
    LOG_LEVEL: 'fatal',
  }
  await prepare({ ...env, DATABASE_URL: postgres.url })
  const nodes: Node[] = []
  const stop = async (): Promise<void> => {
    for (const node of nodes) {
      await node.kill()
      await node.proxy.stop()
    }
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    for (let index = 0; index < nodeCount; index++) nodes.push(await createNode(index, program, env, postgres.url))
    await Promise.all(nodes.map((node) => node.start()))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    postgres,
    nodes,
    env,
    node: (index) => nodes[index % nodeCount] as Node,
    sql: async (text, database = 'postgres') => {
      const client = new Client({ connectionString: withDatabase(postgres.url, database) })
      await client.connect()
      const { rows } = await client.query(text).finally(() => client.end())
      return rows
    },
    stop,
  }
}
