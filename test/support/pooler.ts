import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { freePort } from './postgres.ts'

/**
 * Starts a PgBouncer in transaction mode before the database server at `url`, with few connections for many clients. Whatever belongs to a
 * session fails there: prepared statements are somebody else's, and start-up options are refused.
 */
export async function startPooler(url: string): Promise<{ urlOf(database: string): string; stop(): Promise<void> }> {
  const command = ['/usr/sbin/pgbouncer', 'pgbouncer'].find((path) => spawnSync(path, ['--version']).status === 0)
  if (command === undefined) throw new Error('This test needs PgBouncer: apt-get install pgbouncer')
  const { hostname, port: behind } = new URL(url)
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-pooler-'))
  const port = await freePort()
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: 'transaction',
    default_pool_size: 5,
    max_client_conn: 200,
  }
  const file = join(folder, 'pgbouncer.ini')
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  writeFileSync(file, `[databases]\n* = host=${hostname} port=${behind} user=postgres\n\n[pgbouncer]\n${lines.join('\n')}\n`)
  // PgBouncer refuses to run as root.
  const asNobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  if ('uid' in asNobody) for (const path of [folder, file]) chownSync(path, 65_534, 65_534)
  chmodSync(folder, 0o700)
  let printed = ''
  const child: ChildProcess = spawn(command, [file], { ...asNobody, stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part: Buffer) => (printed += part))
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const urlOf = (database: string): string => `postgresql://postgres@127.0.0.1:${port}/${database}`
  for (let attempts = 0; ; attempts++) {
    const client = new Client({ connectionString: urlOf('postgres') })
    try {
      await client.connect()
      await client.end()
      break
    } catch (error) {
      if (attempts > 50 || child.exitCode !== null) throw new Error(`PgBouncer does not answer: ${printed}`, { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  return {
    urlOf,
    stop: async () => {
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
