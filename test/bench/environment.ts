import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { signToken } from '../../src/authentication/tokens.ts'
import { freePort, withDatabase } from '../support/postgres.ts'
import { type Server, startThisServer } from './processes.ts'

/** A database of its own, and the settings of servers on it. */
export interface BenchEnvironment {
  /** Ends with the benchmark. */
  readonly folder: string
  /** The database's URL; empty for the embedded one. */
  readonly url: string
  readonly settings: Readonly<Record<string, string>>
  /** The value of `Authorization` for a member of an organization, by its slug. */
  authorization(subject: string, organization: string): Promise<string>
  /** This server on the database. */
  start(more?: Record<string, string>): Promise<Server>
  remove(): Promise<void>
}

/** On PostgreSQL at `postgresUrl`, where the schema is there already, or on the embedded database where that is null. */
export async function createEnvironment(postgresUrl: string | null): Promise<BenchEnvironment> {
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-bench-'))
  const name = `bench_${randomBytes(4).toString('hex')}`
  const url = postgresUrl === null ? '' : withDatabase(postgresUrl, name)
  const run = async (sql: string): Promise<void> => {
    if (postgresUrl === null) return
    const client = new Client({ connectionString: postgresUrl })
    await client.connect()
    await client.query(sql)
    await client.end()
  }
  await run(`CREATE DATABASE ${name} TEMPLATE aura_keys_template`)
  const secret = randomBytes(32).toString('hex')
  const key = (): string => randomBytes(32).toString('base64')
  const settings: Record<string, string> = {
    DATA_DIR: join(folder, 'data'),
    LOG_LEVEL: 'error',
    NODE_ENV: 'production',
    ALLOW_EMBEDDED: '1',
    AUTH_SECRET: secret,
    KEY_PEPPER: key(),
    SECRETS_KEK: key(),
    ...(url ? { DATABASE_URL: url } : {}),
  }
  return {
    folder,
    url,
    settings,
    authorization: async (subject, organization) =>
      `Bearer ${await signToken(new TextEncoder().encode(secret), { subject, organization, organizationClaim: 'org', ttl: '6h' })}`,
    start: async (more = {}) => startThisServer({ ...settings, PORT: String(await freePort()), ...more }),
    remove: async () => {
      await run(`DROP DATABASE ${name} WITH (FORCE)`)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
