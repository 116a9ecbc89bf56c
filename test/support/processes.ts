import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { inject } from 'vitest'
import { freePort, withDatabase } from './postgres.ts'

export const onPostgres = process.env['TEST_STORE'] === 'postgresql'

export interface ServerProcess {
  readonly child: ChildProcess
  readonly printed: string[]
  readonly exited: Promise<number | null>
}

/** What processes of a test share: a folder, and a database of their own that is empty at first. */
export interface Home {
  readonly folder: string
  readonly env: Record<string, string>
  readonly url: string
  /** Runs a command line to its end. */
  cli(commandLine: string[], more?: Record<string, string>): Promise<{ code: number; stdout: string; stderr: string }>
  /** Starts a server; answers once it printed `until`, with everything that it printed so far. */
  serve(until?: string, more?: Record<string, string>): Promise<ServerProcess>
  /** Rows of raw SQL, on PostgreSQL. */
  sql(text: string): Promise<Record<string, unknown>[]>
  remove(): Promise<void>
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query(text)
  await client.end()
  return rows
}

export async function createHome(): Promise<Home> {
  const name = `process_${randomBytes(6).toString('hex')}`
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-process-'))
  const port = await freePort()
  const env: Record<string, string> = { PATH: process.env['PATH'] ?? '', HOME: folder, DATA_DIR: join(folder, 'data'), HOST: '127.0.0.1', PORT: String(port) }
  const children: ChildProcess[] = []
  if (onPostgres) {
    await query(inject('postgresUrl'), `CREATE DATABASE ${name}`)
    env['DATABASE_URL'] = withDatabase(inject('postgresUrl'), name)
    env['AUTH_SECRET'] = 'a secret for the processes of tests'
    env['KEY_PEPPER'] = randomBytes(32).toString('base64')
    env['SECRETS_KEK'] = randomBytes(32).toString('base64')
  }
  return {
    folder,
    env,
    url: `http://127.0.0.1:${port}`,
    cli: async (commandLine, more = {}) => {
      try {
        return { code: 0, ...(await promisify(execFile)(process.execPath, ['dist/main.js', ...commandLine], { env: { ...env, ...more } })) }
      } catch (error) {
        return error as { code: number; stdout: string; stderr: string }
      }
    },
    serve: async (until = 'serves at', more = {}) => {
      const child = spawn(process.execPath, ['dist/main.js', 'serve', '--demo'], { env: { ...env, ...more }, stdio: ['ignore', 'pipe', 'pipe'] })
      children.push(child)
      const printed: string[] = []
      const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
      await new Promise<void>((resolve, reject) => {
        for (const stream of [child.stdout, child.stderr]) {
          stream?.on('data', (part: Buffer) => {
            printed.push(String(part))
            if (printed.join('').includes(until)) resolve()
          })
        }
        child.once('exit', () => reject(new Error(`the server ended: ${printed.join('')}`)))
      })
      return { child, printed, exited }
    },
    sql: (text) => query(env['DATABASE_URL'] ?? '', text),
    remove: async () => {
      for (const child of children) child.kill('SIGKILL')
      if (onPostgres) await query(inject('postgresUrl'), `DROP DATABASE ${name} WITH (FORCE)`)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
