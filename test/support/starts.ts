import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { type Postgres, startPostgres, withDatabase } from './postgres.ts'

/** A PostgreSQL of one file, whose databases, roles and settings the file may spoil. */
export interface Ground {
  readonly postgres: Postgres
  /** Runs SQL as superuser in the database of a URL; in `postgres` without one. */
  sql<Row extends object>(text: string, url?: string): Promise<Row[]>
  /** Makes an empty database and answers its URL. `as` is what follows its name. */
  database(as?: string): Promise<string>
  /** Runs `aura-keys migrate` to its end, or until it is killed. */
  migrate(url: string, onStart?: (kill: () => void) => void): Promise<{ code: number | null; printed: string }>
  remove(): Promise<void>
}

export async function createGround(): Promise<Ground> {
  const postgres = await startPostgres()
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-starts-'))
  const secret = randomBytes(32).toString('base64')
  const sql = async <Row extends object>(text: string, url: string = postgres.url): Promise<Row[]> => {
    const client = new Client({ connectionString: withDatabase(postgres.url, new URL(url).pathname.slice(1)) })
    await client.connect()
    const { rows } = await client.query<Row>(text).finally(() => client.end())
    return rows
  }
  return {
    postgres,
    sql,
    database: async (as = '') => {
      const name = `start_${randomBytes(4).toString('hex')}`
      await sql(`CREATE DATABASE ${name} ${as}`)
      return withDatabase(postgres.url, name)
    },
    migrate: (url, onStart) =>
      new Promise((resolve) => {
        const env = {
          PATH: process.env['PATH'],
          HOME: folder,
          DATA_DIR: join(folder, 'data'),
          DATABASE_URL: url,
          AUTH_SECRET: secret,
          KEY_PEPPER: secret,
          SECRETS_KEK: secret,
        }
        const child = spawn(process.execPath, ['dist/main.js', 'migrate'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
        let printed = ''
        for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part: string) => (printed += part))
        child.once('close', (code) => resolve({ code, printed }))
        onStart?.(() => child.kill('SIGKILL'))
      }),
    remove: async () => {
      await postgres.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
