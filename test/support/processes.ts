import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { inject } from 'vitest'
import { fillDataFolder } from './folders.ts'
import { freePort, withDatabase } from './postgres.ts'

export const onPostgres = process.env['TEST_STORE'] === 'postgresql'

/** How a program ended: with a code, or by a signal. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface ServerProcess {
  readonly child: ChildProcess
  /** Everything that it printed. */
  readonly printed: string[]
  /** The exit code, once it ended and everything that it printed was read. */
  readonly exited: Promise<number | null>
}

/** What processes of a test share: a folder, and a database of their own that is empty at first. */
export interface Home {
  readonly folder: string
  readonly env: Record<string, string>
  readonly url: string
  /** Runs a script to its end. */
  run(script: string, args: readonly string[], more?: Record<string, string>): Promise<Ended>
  /** Runs a command line to its end. */
  cli(commandLine: readonly string[], more?: Record<string, string>): Promise<Ended>
  /** Starts a server; answers once it printed `until`, with everything that it printed so far. */
  serve(until?: string, more?: Record<string, string>): Promise<ServerProcess>
  /** Rows of raw SQL, on PostgreSQL. */
  sql(text: string): Promise<Record<string, unknown>[]>
  /** Ends what still runs, and removes its data. */
  remove(): Promise<void>
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query(text)
  await client.end()
  return rows
}

const newSecret = (): string => randomBytes(32).toString('base64')

/** `settings` come before the usual ones; `through` answers the URL that the processes get in place of the database's. */
export async function createHome(settings: Record<string, string> = {}, through: (url: string) => Promise<string> = async (url) => url): Promise<Home> {
  const name = `process_${randomBytes(6).toString('hex')}`
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-process-'))
  const port = await freePort()
  const env: Record<string, string> = { PATH: process.env['PATH'] ?? '', HOME: folder, DATA_DIR: join(folder, 'data'), HOST: '127.0.0.1', PORT: String(port) }
  const database = onPostgres ? withDatabase(inject('postgresUrl'), name) : ''
  if (onPostgres) {
    await query(inject('postgresUrl'), `CREATE DATABASE ${name}`)
    Object.assign(env, {
      DATABASE_URL: await through(database),
      AUTH_SECRET: 'a secret for the processes of tests',
      KEY_PEPPER: newSecret(),
      SECRETS_KEK: newSecret(),
    })
  } else fillDataFolder(join(folder, 'data'))
  Object.assign(env, settings)
  const children = new Set<ChildProcess>()
  /** The process, with what it prints piped. */
  const start = (script: string, args: readonly string[], more: Record<string, string>) => {
    const child = spawn(process.execPath, [script, ...args], { env: { ...env, ...more }, stdio: ['ignore', 'pipe', 'pipe'] })
    children.add(child)
    child.once('exit', () => children.delete(child))
    return child
  }
  const run: Home['run'] = (script, args, more = {}) =>
    new Promise((resolve) => {
      const child = start(script, args, more)
      const printed = { stdout: '', stderr: '' }
      for (const name of ['stdout', 'stderr'] as const) {
        child[name].setEncoding('utf8').on('data', (part: string) => {
          printed[name] += part
        })
      }
      child.once('close', (code, signal) => resolve({ code, signal, ...printed }))
    })
  return {
    folder,
    env,
    url: `http://127.0.0.1:${port}`,
    run,
    cli: (commandLine, more) => run('dist/main.js', commandLine, more),
    serve: async (until = 'serves at', more = {}) => {
      const child = start('dist/main.js', ['serve', '--demo'], more)
      const printed: string[] = []
      const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
      await new Promise<void>((resolve, reject) => {
        for (const stream of [child.stdout, child.stderr]) {
          stream.on('data', (part: Buffer) => {
            printed.push(String(part))
            if (printed.join('').includes(until)) resolve()
          })
        }
        child.once('exit', () => reject(new Error(`the server ended: ${printed.join('')}`)))
      })
      return { child, printed, exited }
    },
    sql: (text) => query(database, text),
    remove: async () => {
      const ended = [...children].map((child) => new Promise((resolve) => child.once('exit', resolve)))
      for (const child of children) child.kill('SIGKILL')
      await Promise.all(ended)
      if (onPostgres) await query(inject('postgresUrl'), `DROP DATABASE ${name} WITH (FORCE)`)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
