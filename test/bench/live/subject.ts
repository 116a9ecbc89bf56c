import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { signToken } from '../../../src/authentication/tokens.ts'
import { freePort, withDatabase } from '../../support/postgres.ts'
import { type Server, startThisServer } from '../processes.ts'

/** This server on a database of its own with the demo company and a thousand instances more. */
export interface Subject {
  readonly server: Server
  /** Ends the server and starts it anew, on the same database: with nothing in memory of what was measured before. */
  restart(): Promise<void>
  readonly authorization: string
  readonly instances: readonly string[]
  readonly database: Client
  /** Creates a key on the instance, as a client does. */
  create(instanceId: string): Promise<void>
  /** When the change of each version was made, as the database wrote it down before its commit. */
  occurred(versions: readonly number[]): Promise<ReadonlyMap<number, number>>
  close(): Promise<void>
}

export async function createSubject(postgresUrl: string): Promise<Subject> {
  const name = `bench_${randomBytes(4).toString('hex')}`
  const admin = new Client({ connectionString: postgresUrl })
  await admin.connect()
  await admin.query(`CREATE DATABASE ${name}`)
  await admin.end()
  const url = withDatabase(postgresUrl, name)
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-bench-'))
  const secret = randomBytes(32).toString('hex')
  const key = (): string => randomBytes(32).toString('base64')
  const environment = {
    PORT: String(await freePort()),
    DATA_DIR: folder,
    DATABASE_URL: url,
    LOG_LEVEL: 'error',
    NODE_ENV: 'production',
    ALLOW_EMBEDDED: '1',
    AUTH_SECRET: secret,
    KEY_PEPPER: key(),
    SECRETS_KEK: key(),
    WS_MAX_SOCKETS_PER_MEMBER: '100000',
    WS_MAX_SUBSCRIPTIONS_PER_SOCKET: '1000',
    WS_MAX_MESSAGES_PER_MINUTE: '100000',
  }
  let server = await startThisServer(environment)
  const claims = { subject: 'owner@demo.example', organization: 'demo', organizationClaim: 'org', ttl: '2h' }
  const authorization = `Bearer ${await signToken(new TextEncoder().encode(secret), claims)}`
  const database = new Client({ connectionString: url })
  await database.connect()
  // By SQL: making them is not what is measured.
  await database.query(`
    INSERT INTO app_instance (id, organization_id, app_id, name, status, created_by_id, created_at)
    SELECT 'ins_' || '01j' || substr(translate(md5(n::text), 'iou', 'xyz'), 1, 23), a.organization_id, a.id, 'bench ' || n, 'ACTIVE', m.id, now()
    FROM generate_series(1, 1000) n, (SELECT * FROM app ORDER BY id LIMIT 1) a,
      (SELECT m.id FROM member m JOIN organization o ON o.id = m.organization_id WHERE o.slug = 'demo' AND m.subject = 'owner@demo.example') m`)
  const { rows } = await database.query("SELECT id FROM app_instance WHERE name LIKE 'bench %' ORDER BY id")
  return {
    get server() {
      return server
    },
    restart: async () => {
      await server.end()
      server = await startThisServer(environment)
    },
    authorization,
    instances: rows.map(({ id }: { id: string }) => id),
    database,
    create: async (instanceId) => {
      const query = 'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } } }'
      const input = { instanceId, name: 'benched', expiresInDays: 1 }
      const headers = { authorization, 'content-type': 'application/json' }
      const answer = await fetch(`${server.url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query, variables: { input } }) })
      const { errors } = (await answer.json()) as { errors?: unknown }
      if (errors) throw new Error(JSON.stringify(errors))
    },
    occurred: async (versions) => {
      const found = await database.query(
        "SELECT version::float8 AS version, occurred_at AS at FROM event WHERE version = ANY($1) AND organization_id = (SELECT id FROM organization WHERE slug = 'demo')",
        [versions],
      )
      return new Map(found.rows.map(({ version, at }: { version: number; at: Date }) => [version, at.getTime()]))
    },
    close: async () => {
      await database.end()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
