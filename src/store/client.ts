import { setFlagsFromString } from 'node:v8'
import { PGlite, types } from '@electric-sql/pglite'
import { PrismaPg } from '@prisma/adapter-pg'
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { Client as PgClient, type Pool } from 'pg'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import { Prisma, PrismaClient } from '../generated/prisma/client.ts'
import { Pools } from './pools.ts'
import { migratePGlite, migratePostgres } from './schema-engine.ts'
import { clientWith, maxVerificationMs, requireSessions, timeouts, utc } from './sessions.ts'
import { inTurn } from './slot.ts'
import { readingOffsets, withOffsets } from './times.ts'
import { currentWork, type Lane } from './work.ts'

export { Prisma }
export type Client = PrismaClient
/** A client inside a transaction, or the outer one for single statements. */
export type Statements = Prisma.TransactionClient

export interface Database {
  readonly kind: 'pglite' | 'postgresql'
  readonly client: Client
  /** How long a statement of the work under way may take; 0: without end. */
  statementMs(): number
  /** Applies missing migrations and returns their names. Nodes that start at once wait for each other. */
  migrate(): Promise<string[]>
  /** Runs the body while no other node runs one; `waiting` is called when it must wait for one. Whoever dies inside makes way. */
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
  // A client that tells of its statements is of another type; nothing else of it differs.
  return client as unknown as Client
}

/** The embedded store. `folder` holds an initialised database, or is empty. */
export async function openPGlite(folder: string, onStatement?: OnStatement): Promise<Database> {
  // PostgreSQL as WebAssembly is compiled once and quickly. To optimize it costs seconds of CPU and 100 MB, which short statements never
  // earn back: without, a start takes 1.3 s in place of 2.0 s, a create 5 ms in place of 7 ms; sorting 20,000 rows 26 ms in place of 21 ms.
  setFlagsFromString('--liftoff-only')
  const pglite = await PGlite.create({ dataDir: folder, parsers: { [types.INT8]: (text) => text } })
  await pglite.exec("SET TimeZone = 'UTC'")
  const client = createClient(inTurn(withOffsets(new PrismaPGlite(readingOffsets(pglite)))), onStatement)
  return {
    kind: 'pglite',
    client,
    statementMs: () => 0,
    migrate: () => migratePGlite(pglite),
    alone: (body) => body(),
    close: async () => {
      await client.$disconnect()
      await pglite.close()
    },
  }
}

/** How many texts are prepared on each connection: those that Prisma writes from the callers' selections, of which there is no end, and our own. */
const maxPrepared = { chosen: 150, own: 150 }
/** Longer ones are not prepared: a connection keeps the text of each. */
const maxPreparedLength = 4_000

/** Names the first texts, so that PostgreSQL plans them once per connection (a third more creates per second); others run unnamed. */
function createStatementNames(): (query: { sql: string }) => string | undefined {
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

/** Sets the timeouts for one transaction, whatever its session has. */
export const setLocally = (statements: Statements, statementMs: number): Promise<unknown> => statements.$queryRaw`SELECT ${settings(statementMs)}`

/** Locks the organization for a change, under these timeouts; false when there is none. */
export const lockOrganization = async (statements: Statements, id: string, statementMs: number): Promise<boolean> => {
  // The settings are in force before the row is locked, in the same statement: a subquery with side effects is neither left out nor moved.
  const locked = await statements.$queryRaw<object[]>`
    SELECT 1 FROM (SELECT ${settings(statementMs)}) AS settings, organization WHERE id = ${id} FOR NO KEY UPDATE OF organization`
  return locked.length > 0
}

const migrationLock = 7_283_645_119
const aloneLock = 7_283_645_120

/** Runs the body under an advisory lock, on a connection of its own, whose loss gives the lock back. */
async function withLock<Answer>(connectionString: string, id: number, body: () => Promise<Answer>, waiting?: () => void): Promise<Answer> {
  const lock = new PgClient({ connectionString, connectionTimeoutMillis: 3_000 })
  // A lock that is lost with its connection is found at COMMIT; without a listener the error would end the process.
  lock.on('error', () => {})
  await lock.connect()
  try {
    // In a transaction, which keeps its session through a pooler too, however long others take.
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

/**
 * PostgreSQL by URL. `pooled`: the URL is that of a pooler in transaction mode, whose sessions are nobody's: no settings, no prepared
 * statements. `operationMs`: how long a statement of an operation may take.
 */
export function openPostgres(connectionString: string, onStatement?: OnStatement, { pooled = false, operationMs = 0 } = {}): Database {
  // What the server does by itself takes as long as it takes.
  const statementMs: Readonly<Record<Lane, number>> = { operations: operationMs, verification: maxVerificationMs, system: 0 }
  const pools = new Pools((lane) => ({
    connectionString,
    connectionTimeoutMillis: 3_000,
    Client: clientWith(pooled ? utc : { ...utc, ...timeouts(statementMs[lane]) }),
  }))
  // Of a pool its users take `connect`, `query` and `end` alone.
  const pool = pools as unknown as Pool
  const client = createClient(
    withOffsets(
      new PrismaPg(pool, {
        disposeExternalPool: false,
        ...(pooled ? {} : { statementNameGenerator: createStatementNames() as (query: { sql: string }) => string }),
      }),
    ),
    onStatement,
  )
  return {
    kind: 'postgresql',
    client,
    statementMs: () => statementMs[currentWork()?.lane ?? 'system'],
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

// Prisma's and PostgreSQL's codes for: no connection, too slow, lock not had in time, deadlock, shutting down.
const transient =
  /^(P1001|P1002|P1008|P1017|P2024|P2028|P2034|08\d{3}|40001|40P01|53\d{3}|55P03|57P0\d|57014|25P03|25006|58030|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE)$/

// What the driver says, without a code, of a connection that broke or could not be had in time.
const broken = new Set([
  'Connection terminated',
  'Connection terminated unexpectedly',
  'Connection terminated due to connection timeout',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
])

/** Whether trying again later can help. Looks at codes, and at whole messages of the driver only: others hold values. */
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
