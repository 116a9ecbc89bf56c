import { setFlagsFromString } from 'node:v8'
import { PGlite, types } from '@electric-sql/pglite'
import { PrismaPg } from '@prisma/adapter-pg'
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { type CustomTypesConfig, Client as PgClient, type Pool, types as parsers } from 'pg'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import { unavailable } from '../errors.ts'
import { Prisma, PrismaClient } from '../generated/prisma/client.ts'
import { Pools } from './pools.ts'
import { migratePGlite, migratePostgres } from './schema-engine.ts'
import { clientWith, maxVerificationMs, requireSessions, timeouts, utc } from './sessions.ts'
import { inTurn } from './slot.ts'
import { readingOffsets, withOffsets } from './times.ts'
import { currentWork, type Lane, runAs, Work } from './work.ts'

export { Prisma }
export type Client = PrismaClient
/** A client inside a transaction, or the outer one for single statements. */
export type Statements = Prisma.TransactionClient

export interface Database {
  readonly kind: 'pglite' | 'postgresql'
  readonly client: Client
  /** How long a statement of the current work may take; 0: no limit. */
  statementMs(): number
  /**
   * Reads for verification, with a constant text: over connections that no operation takes, and stopped after `maxVerificationMs`. On
   * PostgreSQL without Prisma, which costs more than the statement does.
   */
  read<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]>
  /** Applies missing migrations and returns their names. Nodes that start together wait for each other. */
  migrate(): Promise<string[]>
  /** Runs the body while no other node runs one; calls `waiting` if it must wait for one. A node that dies inside frees the lock. */
  alone<Answer>(body: () => Promise<Answer>, waiting: () => void): Promise<Answer>
  close(): Promise<void>
}

/** Called for each SQL statement; the text has placeholders, never values. */
export type OnStatement = (sql: string) => void

function createClient(adapter: SqlDriverAdapterFactory, onStatement: OnStatement | undefined): Client {
  const options = { adapter, errorFormat: 'minimal' as const, transactionOptions: { maxWait: 2_000, timeout: 30_000 } }
  if (!onStatement) return new PrismaClient(options)
  const client = new PrismaClient({ ...options, log: [{ emit: 'event', level: 'query' }] })
  client.$on('query', (event) => onStatement(event.query))
  // A client that reports its statements has another type; nothing else differs.
  return client as unknown as Client
}

type Read = Database['read']

/** A statement that gets no response is cancelled. */
const stoppedIfSilent =
  (read: <Row extends object>(work: Work, text: string, values: readonly unknown[]) => Promise<Row[]>): Read =>
  async (text, values) => {
    const work = new Work('verification')
    const silence = setTimeout(() => work.cancel(unavailable()), maxVerificationMs)
    try {
      return await read(work, text, values)
    } finally {
      clearTimeout(silence)
    }
  }

/** The embedded store. `folder` holds an initialised database, or is empty. */
export async function openPGlite(folder: string, onStatement?: OnStatement): Promise<Database> {
  // Compiles PostgreSQL's WebAssembly once and quickly. Optimizing it costs seconds of CPU and 100 MB, which short statements never earn back:
  // without it a start takes 1.3 s instead of 2.0 s, a create 5 ms instead of 7 ms; sorting 20,000 rows 26 ms instead of 21 ms.
  setFlagsFromString('--liftoff-only')
  const pglite = await PGlite.create({ dataDir: folder, parsers: { [types.INT8]: (text) => text } })
  await pglite.exec("SET TimeZone = 'UTC'")
  const client = createClient(inTurn(withOffsets(new PrismaPGlite(readingOffsets(pglite)))), onStatement)
  return {
    kind: 'pglite',
    client,
    statementMs: () => 0,
    read: stoppedIfSilent((work, text, values) => runAs(work, () => client.$queryRawUnsafe(text, ...values))),
    migrate: () => migratePGlite(pglite),
    alone: (body) => body(),
    close: async () => {
      await client.$disconnect()
      await pglite.close()
    },
  }
}

/** How statements without Prisma are read: the driver's own parser of times knows fewer forms than sessions write. */
const plainTypes: CustomTypesConfig = {
  getTypeParser: ((type: number, format?: 'text') =>
    type === parsers.builtins.TIMESTAMPTZ ? (text: string) => new Date(text) : parsers.getTypeParser(type, format)) as CustomTypesConfig['getTypeParser'],
}

/** How many statements are prepared on each connection: those that Prisma writes from callers' selections, unlimited in number, and our own. */
const maxPrepared = { chosen: 150, own: 150 }
/** Longer ones are not prepared: a connection keeps the text of each. */
const maxPreparedLength = 4_000

/** Names the first statements, so that PostgreSQL plans them once per connection (a third more creates per second); others run unnamed. */
function createStatementNames(): (query: { readonly sql: string }) => string | undefined {
  const names = { chosen: new Map<string, string>(), own: new Map<string, string>() }
  return ({ sql }) => {
    const kind = /^SELECT ("|COUNT)/.test(sql) ? 'chosen' : 'own'
    const known = names[kind].get(sql)
    if (known !== undefined || sql.length > maxPreparedLength || names[kind].size >= maxPrepared[kind]) return known
    const name = `aura_keys_${kind}_${names[kind].size}`
    names[kind].set(sql, name)
    return name
  }
}

const settings = (statementMs: number): Prisma.Sql =>
  Prisma.join(Object.entries(timeouts(statementMs)).map(([name, value]) => Prisma.sql`set_config(${name}, ${value}, true)`))

/** Sets the timeouts for one transaction, over those of its session. */
export const setLocally = (statements: Statements, statementMs: number): Promise<unknown> => statements.$queryRaw`SELECT ${settings(statementMs)}`

/** Locks the organization for a change, under these timeouts; returns false if it is missing. */
export const lockOrganization = async (statements: Statements, id: string, statementMs: number): Promise<boolean> => {
  // The settings are in force before the row is locked, in the same statement: PostgreSQL neither drops nor moves a subquery with side effects.
  const locked = await statements.$queryRaw<object[]>`
    SELECT 1 FROM (SELECT ${settings(statementMs)}) AS settings, organization WHERE id = ${id} FOR NO KEY UPDATE OF organization`
  return locked.length > 0
}

const migrationLock = 7_283_645_119
const aloneLock = 7_283_645_120

/** Runs the body under an advisory lock, on its own connection, whose loss releases the lock. */
async function withLock<Answer>(connectionString: string, id: number, body: () => Promise<Answer>, waiting?: () => void): Promise<Answer> {
  const lock = new PgClient({ connectionString, connectionTimeoutMillis: 3_000 })
  // COMMIT detects a lock that was lost with its connection; without a listener the error would end the process.
  lock.on('error', () => {})
  await lock.connect()
  try {
    // A transaction keeps its session through a pooler too, however long other nodes take.
    await lock.query('BEGIN')
    await lock.query('SET LOCAL lock_timeout = 0')
    await lock.query('SET LOCAL idle_in_transaction_session_timeout = 0')
    const { rows } = await lock.query<{ had: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS had', [id])
    if (!rows[0]?.had) {
      waiting?.()
      await lock.query('SELECT pg_advisory_xact_lock($1)', [id])
    }
    const answer = await body()
    await lock.query('COMMIT')
    return answer
  } finally {
    await lock.end()
  }
}

/** The server ends an operation at its deadline and says so. The database's own limit comes after that, for statements that the server could not stop. */
const graceMs = 1_000

/**
 * PostgreSQL by URL. `pooled`: the URL is that of a pooler in transaction mode, whose sessions are shared: no session timeouts, no prepared
 * statements. `operationMs`: how long an operation may take; the database stops its statements a second later.
 */
export function openPostgres(connectionString: string, onStatement?: OnStatement, { pooled = false, operationMs = 0 } = {}): Database {
  // The server's own work has no time limit.
  const statementMs: Readonly<Record<Lane, number>> = { operations: operationMs && operationMs + graceMs, verification: maxVerificationMs, system: 0 }
  const pools = new Pools((lane) => ({
    connectionString,
    connectionTimeoutMillis: 3_000,
    Client: clientWith(pooled ? utc : { ...utc, ...timeouts(statementMs[lane]) }),
  }))
  // Users of a pool call only `connect`, `query` and `end`.
  const pool = pools as unknown as Pool
  const nameOf = pooled ? () => undefined : createStatementNames()
  const client = createClient(
    withOffsets(
      new PrismaPg(pool, {
        disposeExternalPool: false,
        statementNameGenerator: nameOf as (query: { sql: string }) => string,
      }),
    ),
    onStatement,
  )
  return {
    kind: 'postgresql',
    client,
    statementMs: () => statementMs[currentWork()?.lane ?? 'system'],
    read: stoppedIfSilent(<Row extends object>(work: Work, text: string, values: readonly unknown[]) => {
      onStatement?.(text)
      const name = nameOf({ sql: text })
      return pools.queryFor<Row>(work, { text, values: [...values], types: plainTypes, ...(name === undefined ? {} : { name }) })
    }),
    migrate: async () => {
      await requireSessions(pool)
      return withLock(connectionString, migrationLock, () => migratePostgres(connectionString))
    },
    alone: (body, waiting) => withLock(connectionString, aloneLock, body, waiting),
    close: async () => {
      await client.$disconnect()
      await pools.end()
    },
  }
}

// Prisma's and PostgreSQL's codes for: no connection, too slow, lock timeout, deadlock, shutting down.
const transient =
  /^(P1001|P1002|P1008|P1017|P2024|P2028|P2034|08\d{3}|40001|40P01|53\d{3}|55P03|57P0\d|57014|25P03|25006|58030|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE)$/

// The driver's messages, without a code, for a connection that broke or did not open in time.
const broken = new Set([
  'Connection terminated',
  'Connection terminated unexpectedly',
  'Connection terminated due to connection timeout',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
])

/** Whether a later retry can help. Reads codes, and only whole messages of the driver: others hold values. */
export function isTransient(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > 5) return false
  const { code, originalCode, cause, meta, kind, message } = error as Record<string, unknown>
  if (typeof message === 'string' && broken.has(message)) return true
  if ([code, originalCode].some((value) => typeof value === 'string' && transient.test(value))) return true
  if (kind === 'SocketTimeout' || kind === 'DatabaseNotReachable' || kind === 'ConnectionClosed' || kind === 'TooManyConnections') return true
  const metaRecord = (meta ?? {}) as Record<string, unknown>
  return isTransient(cause, depth + 1) || isTransient(metaRecord['driverAdapterError'], depth + 1) || isTransient({ code: metaRecord['code'] }, depth + 1)
}

/** Whether a unique constraint refused the write. */
export const isUniqueViolation = (error: unknown): boolean => (error as { code?: unknown } | null)?.code === 'P2002'
