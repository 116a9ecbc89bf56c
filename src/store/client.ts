import { setFlagsFromString } from 'node:v8'
import { PGlite, types } from '@electric-sql/pglite'
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm'
import { PrismaPg } from '@prisma/adapter-pg'
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { Client as PgClient, type Pool } from 'pg'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import { unavailable } from '../errors.ts'
import { Prisma, PrismaClient } from '../generated/prisma/client.ts'
import { CheckedFiles } from './checked-files.ts'
import { createPlain, createStatementNames, failed } from './plain.ts'
import { type OnFailure, Pools } from './pools.ts'
import { migratePGlite, migratePostgres } from './schema-engine.ts'
import { clientWith, maxSharedMs, requireSessions, timeouts, utc } from './sessions.ts'
import { inTurn } from './slot.ts'
import { readingOffsets, withOffsets } from './times.ts'
import { currentWork, type Lane, runAs, type SharedLane, Work } from './work.ts'

export { Prisma }
export type Sql = Prisma.Sql
export type Client = PrismaClient
/** A client inside a transaction, or the outer one for single statements. */
export type Statements = Prisma.TransactionClient

/** Where statements are sent: into one transaction, or each by itself. */
export interface Connection {
  readonly client: Statements
  /**
   * Sends one of our own statements, whose text does not depend on what callers select. On PostgreSQL without Prisma, which costs more than the
   * statement does: what every change and many queries send goes this way.
   */
  run<Row extends object>(statement: Prisma.Sql): Promise<Row[]>
}

export interface Database extends Connection {
  readonly kind: 'pglite' | 'postgresql'
  readonly client: Client
  /** Runs the body in a transaction, which ends with it. */
  transact<Answer>(body: (inside: Connection) => Promise<Answer>): Promise<Answer>
  /** How long a statement of the current work may take; 0: no limit. */
  statementMs(): number
  /**
   * Reads with a constant text what many requests share: over connections that no operation takes, and stopped after `maxSharedMs`. On
   * PostgreSQL without Prisma, which costs more than the statement does.
   */
  read<Row extends object>(text: string, values: readonly unknown[], lane?: SharedLane): Promise<Row[]>
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

/** A connection that sends everything by Prisma. */
export const byPrisma = <Of extends Statements>(client: Of): Connection & { client: Of } => ({ client, run: (statement) => client.$queryRaw(statement) })

/** A statement that gets no response is cancelled. */
const stoppedIfSilent =
  (read: <Row extends object>(work: Work, text: string, values: readonly unknown[]) => Promise<Row[]>): Read =>
  async (text, values, lane = 'verification') => {
    const work = new Work(lane)
    const silence = setTimeout(() => work.cancel(unavailable()), maxSharedMs)
    try {
      return await read(work, text, values)
    } finally {
      clearTimeout(silence)
    }
  }

/** What a database tells while it is open. */
interface Told {
  readonly onStatement?: OnStatement | undefined
  readonly onFailure?: OnFailure
}

interface EmbeddedOptions extends Told {
  readonly check?: () => void
}

/**
 * Of a new database. Its cache is filled with zeros at each start: 128 MB, the default, are half a second and as much memory. Segments of the log are
 * whole files, of 16 MB by default, which the template would hold.
 */
const initDbStartParams = ['--set', 'shared_buffers=32MB', '--wal-segsize=1', '--set', 'min_wal_size=2MB']

/** The embedded store. `folder` holds an initialised database, or is empty; `check` is called before each statement and each write. */
export async function openPGlite(folder: string, { onStatement, onFailure = () => {}, check = () => {} }: EmbeddedOptions = {}): Promise<Database> {
  // Compiles PostgreSQL's WebAssembly once and quickly. Optimizing it costs seconds of CPU and 100 MB, which short statements never earn back:
  // without it a start takes 1.3 s instead of 2.0 s, a create 5 ms instead of 7 ms; sorting 20,000 rows 26 ms instead of 21 ms.
  setFlagsFromString('--liftoff-only')
  const pglite = await PGlite.create({
    dataDir: folder,
    fs: new CheckedFiles(folder, check),
    parsers: { [types.INT8]: (text) => text },
    extensions: { pg_trgm },
    initDbStartParams,
  })
  // All statements pass here, those of transactions too.
  const execute = pglite.execProtocolRawSync.bind(pglite)
  pglite.execProtocolRawSync = (message) => {
    check()
    return execute(message)
  }
  await pglite.exec("SET TimeZone = 'UTC'")
  const client = createClient(inTurn(withOffsets(new PrismaPGlite(readingOffsets(pglite, onFailure)))), onStatement)
  const embeddedRead = stoppedIfSilent((work, text, values) => runAs(work, () => client.$queryRawUnsafe(text, ...values)))
  return {
    kind: 'pglite',
    ...byPrisma(client),
    transact: (body) => client.$transaction((statements) => body(byPrisma(statements))),
    statementMs: () => 0,
    // It is never silent, only busy: those who look for callers wait as long as operations do.
    read: (text, values, lane) => (lane === 'callers' ? client.$queryRawUnsafe(text, ...values) : embeddedRead(text, values)),
    migrate: () => migratePGlite(pglite),
    alone: (body) => body(),
    close: async () => {
      await client.$disconnect()
      await pglite.close()
    },
  }
}

const settings = (statementMs: number): Prisma.Sql =>
  Prisma.join(Object.entries(timeouts(statementMs)).map(([name, value]) => Prisma.sql`set_config(${name}, ${value}, true)`))

/** Sets the timeouts for one transaction, over those of its session. */
export const setLocally = (inside: Connection, statementMs: number): Promise<unknown> => inside.run(Prisma.sql`SELECT ${settings(statementMs)}`)

/** Locks the organization for a change, under these timeouts; returns false if it is missing. */
export const lockOrganization = async (inside: Connection, id: string, statementMs: number): Promise<boolean> => {
  // The settings are in force before the row is locked, in the same statement: PostgreSQL neither drops nor moves a subquery with side effects.
  const locked = await inside.run(Prisma.sql`
    SELECT 1 FROM (SELECT ${settings(statementMs)}) AS settings, organization WHERE id = ${id} FOR NO KEY UPDATE OF organization`)
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
    // Without parameters, which would keep a snapshot open: an index that is made beside writes waits for the end of each.
    const { rows } = await lock.query<{ had: boolean }>(`SELECT pg_try_advisory_xact_lock(${id}) AS had`)
    if (!rows[0]?.had) {
      waiting?.()
      await lock.query(`SELECT pg_advisory_xact_lock(${id})`)
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
export function openPostgres(
  connectionString: string,
  { pooled = false, operationMs = 0, onStatement, onFailure = () => {} }: Told & { readonly pooled?: boolean; readonly operationMs?: number } = {},
): Database {
  // The server's own work has no time limit.
  const statementMs: Readonly<Record<Lane, number>> = {
    operations: operationMs && operationMs + graceMs,
    verification: maxSharedMs,
    callers: maxSharedMs,
    system: 0,
  }
  const pools = new Pools(
    (lane) => ({
      connectionString,
      connectionTimeoutMillis: 3_000,
      Client: clientWith(pooled ? utc : { ...utc, ...timeouts(statementMs[lane]) }),
    }),
    onFailure,
  )
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
  const plain = createPlain(nameOf, onStatement)
  return {
    kind: 'postgresql',
    client,
    run: <Row extends object>({ text, values }: Prisma.Sql) => pools.run<Row>(plain(text, values)).catch(failed),
    transact: (body) =>
      pools.withConnection((inside) =>
        client.$transaction((statements) =>
          body({ client: statements, run: <Row extends object>({ text, values }: Prisma.Sql) => inside.run<Row>(plain(text, values)).catch(failed) }),
        ),
      ),
    statementMs: () => statementMs[currentWork()?.lane ?? 'system'],
    read: stoppedIfSilent(<Row extends object>(work: Work, text: string, values: readonly unknown[]) => pools.queryFor<Row>(work, plain(text, values))),
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
