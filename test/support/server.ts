import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { inject } from 'vitest'
import { signToken } from '../../src/authentication/tokens.ts'
import { type App, compose } from '../../src/compose.ts'
import { loadConfig } from '../../src/config.ts'
import { listen } from '../../src/listen.ts'
import type { Log } from '../../src/ports.ts'
import type { TypedDocumentString } from '../generated/operations.ts'
import { isBackground, markJobs } from './background.ts'
import { fillDataFolder } from './folders.ts'
import { withDatabase } from './postgres.ts'

export const authSecret = 'a secret for tests, and only for tests'

export interface GraphQLAnswer<Data> {
  data?: Data | null
  errors?: { message: string; path?: (string | number)[]; extensions: { code: string; field?: string; requestId?: string } }[]
}

/** Who sends an operation: a member's subject and organization, or a ready `Authorization` value, or nobody. */
export type As = { subject: string; organization?: string } | { authorization: string } | null

/** What waits for a lock in the database of a server; PostgreSQL runs those of other files beside it. */
export const waitingForLocks = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

export interface TestServer {
  readonly app: App
  readonly url: string
  /** Whether hints of other nodes arrive. */
  isListening(): boolean | null
  /** Everything that was logged. */
  readonly log: { level: string; fields: object; message: string }[]
  /** The SQL statements of requests, and of what they cause, since the array was last emptied. */
  readonly statements: string[]
  /** Those of what runs beside the requests. */
  readonly background: string[]
  /** The settable clock; it starts at the real time and stands still. */
  readonly time: { now: Date }
  token(subject: string, organization?: string, ttl?: Date): Promise<string>
  graphql<Data, Variables>(document: TypedDocumentString<Data, Variables>, variables: Variables, as: As): Promise<GraphQLAnswer<Data>>
  /** Any body to `/graphql`, with its answer untouched. */
  post(body: unknown, as: As, headers?: Record<string, string>): Promise<Response>
  verify(key: string, instanceId: string): Promise<{ valid: boolean; code: string; keyId?: string }>
  /** Rows of raw SQL; `$1` and so on in `values`. */
  sql<Row = Record<string, unknown>>(text: string, ...values: unknown[]): Promise<Row[]>
  /** Another node on the same database, with the same clock. */
  node(environment?: Record<string, string>): Promise<TestServer>
  close(): Promise<void>
}

/** Where a new server's rows live: a copied folder, or a database of its own. */
async function newDatabase(): Promise<{ environment: Record<string, string>; remove(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-test-'))
  if (process.env['TEST_STORE'] !== 'postgresql') {
    fillDataFolder(folder)
    return { environment: { DATA_DIR: folder }, remove: async () => rmSync(folder, { recursive: true, force: true }) }
  }
  const url = inject('postgresUrl')
  const name = `aura_keys_${randomBytes(6).toString('hex')}`
  const run = async (statement: string): Promise<void> => {
    // Whoever holds the turn and says nothing more loses it: else every other file would wait for it in vain.
    const admin = new Client({ connectionString: url, options: '-c idle_session_timeout=15000' })
    admin.on('error', () => undefined)
    await admin.connect()
    try {
      // Two copies of one template cannot be made at once: others wait for their turn.
      await admin.query('SELECT pg_advisory_lock(1)')
      await admin.query(statement)
    } finally {
      await admin.end()
    }
  }
  await run(`CREATE DATABASE ${name} TEMPLATE aura_keys_template`)
  return {
    environment: {
      DATA_DIR: folder,
      DATABASE_URL: withDatabase(url, name),
      KEY_PEPPER: Buffer.alloc(32, 7).toString('base64'),
      SECRETS_KEK: Buffer.alloc(32, 8).toString('base64'),
    },
    remove: async () => {
      rmSync(folder, { recursive: true, force: true })
      // Saves room, and nothing else: what stays is thrown away with the whole PostgreSQL.
      const dropped = run(`DROP DATABASE ${name} WITH (FORCE)`).catch(() => undefined)
      await Promise.race([dropped, pause(20_000, undefined, { ref: false })])
    },
  }
}

/** A whole server on a database of its own, on a free port, with a clock that stands still. */
export const startServer = async (environment: Record<string, string> = {}, logger?: Log): Promise<TestServer> =>
  startNode(await newDatabase(), { now: new Date() }, environment, logger)

async function startNode(
  database: Awaited<ReturnType<typeof newDatabase>>,
  time: { now: Date },
  environment: Record<string, string>,
  logger?: Log,
): Promise<TestServer> {
  const config = loadConfig({
    PORT: '0',
    ALLOW_EMBEDDED: '1',
    ...(environment['AUTH_JWKS_URL'] === undefined ? { AUTH_SECRET: authSecret } : {}),
    ...database.environment,
    ...environment,
  })
  const log: TestServer['log'] = []
  const [statements, background]: [string[], string[]] = [[], []]
  const writer = (level: string) => (fields: object, message: string) => void log.push({ level, fields, message })
  const app = await compose(config, {
    clock: { now: () => new Date(time.now) },
    log: logger ?? { info: writer('info'), warn: writer('warn'), error: writer('error') },
    onStatement: (sql) => void (isBackground() ? background : statements).push(sql),
  })
  const { url, isListening } = await listen(markJobs(app))
  const token = (subject: string, organization = 'a', ttl = new Date(time.now.getTime() + 3_600_000)): Promise<string> =>
    signToken(new TextEncoder().encode(authSecret), { subject, organization, organizationClaim: 'org', ttl })
  const authorization = async (as: As): Promise<Record<string, string>> => {
    if (as === null) return {}
    return { authorization: 'authorization' in as ? as.authorization : `Bearer ${await token(as.subject, as.organization)}` }
  }
  const post: TestServer['post'] = async (body, as, headers = {}) =>
    fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', ...(await authorization(as)), ...headers },
      body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
    })
  const server: TestServer = {
    app,
    url,
    isListening,
    log,
    statements,
    background,
    time,
    token,
    post,
    graphql: async (document, variables, as) => (await (await post({ query: document.toString(), variables }, as)).json()) as never,
    verify: async (key, instanceId) => {
      const answer = await fetch(`${url}/v1/verify`, { method: 'POST', body: JSON.stringify({ key, instanceId }) })
      if (answer.status !== 200) throw new Error(`verification answered ${answer.status}`)
      return (await answer.json()) as { valid: boolean; code: string }
    },
    sql: async (text, ...values) => {
      const rows = await app.database.client.$queryRawUnsafe(text, ...values)
      // Nobody but its own process writes into the embedded database: what is written by hand here would not move its mark.
      app.ownMark?.move()
      // Nor does it move a version, under which nodes keep answers.
      if (!/^\s*(SELECT|EXPLAIN|SHOW|SET)\b/i.test(text)) await app.database.client.$executeRaw`UPDATE organization SET version = version`
      return rows as never
    },
    node: (more = {}) => {
      // The embedded database has one process: there the second node is the first.
      if (process.env['TEST_STORE'] !== 'postgresql') return Promise.resolve({ ...server, close: async () => undefined })
      return startNode({ ...database, remove: async () => undefined }, time, { ...environment, ...more }, logger)
    },
    close: async () => {
      await app.close()
      await database.remove()
    },
  }
  return server
}

/** The answer's data; throws what was refused. */
export function dataOf<Data>(answer: GraphQLAnswer<Data>): Data {
  if (answer.errors || !answer.data) throw new Error(`refused: ${JSON.stringify(answer.errors)}`)
  return answer.data
}

/** The codes of an answer's errors. */
export const codesOf = (answer: GraphQLAnswer<unknown>): string[] => (answer.errors ?? []).map((error) => error.extensions.code)

/** What holds statements together, or asks whether the database is there. */
const bracket = /^(BEGIN|COMMIT|SAVEPOINT|RELEASE|--)|^\s*SELECT 1\s*$/

/** The statements of requests, without the brackets of transactions. */
export const requestStatements = ({ statements }: Pick<TestServer, 'statements'>): string[] => statements.filter((sql) => !bracket.test(sql))
