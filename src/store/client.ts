import { setFlagsFromString } from 'node:v8'
import { PGlite, types } from '@electric-sql/pglite'
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm'
import { PrismaPg } from '@prisma/adapter-pg'
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import type { Pool, QueryConfig } from 'pg'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import { unavailable } from '../errors.ts'
import { Prisma, PrismaClient } from '../generated/prisma/client.ts'
import { aloneLock, migrationLock, withLock } from './advisory-lock.ts'
import { CheckedFiles } from './checked-files.ts'
import { RolledBack } from './failures.ts'
import { createPlain, createStatementNames, failed, wellTyped } from './plain.ts'
import { Pools } from './pools.ts'
import { migratePGlite, migratePostgres } from './schema-engine.ts'
import { clientWith, maxSharedMs, requireSessions, timeouts, utc } from './sessions.ts'
import { inTurn } from './slot.ts'
import { readingOffsets, withOffsets } from './times.ts'
import type { OnFailure } from './transaction.ts'
import { currentWork, type Lane, runAs, type SharedLane, Work } from './work.ts'

export { Prisma }
export type Sql = Prisma.Sql
export type Client = PrismaClient
/** A client inside a transaction of Prisma's, or the outer one for single statements. */
export type Statements = Prisma.TransactionClient

/** Where statements are sent: into one transaction, or each by itself. */
export interface Connection {
  /** Prisma's, outside of transactions; inside there is none, and its use throws. */
  readonly client: Statements
  /**
   * Sends one of our own statements; on PostgreSQL without Prisma, which costs more than the statement does. Inside a transaction statements run in
   * the order of the calls, and once one fails, those behind it fail too; on PostgreSQL they are sent without a wait for those before.
   */
  run<Row extends object>(statement: Prisma.Sql): Promise<Row[]>
}

export interface Database extends Connection {
  readonly kind: 'pglite' | 'postgresql'
  readonly client: Client
  /**
   * Runs the body in a transaction, which ends with it, once what it has sent is done; rejects with `RolledBack` if that failed after the body. What
   * it sends before anything was answered only reads: should the database refuse to begin, that runs by itself. `committing` is called before COMMIT is
   * sent: until then nothing can be in force.
   */
  transact<Answer>(body: (inside: Connection) => Promise<Answer>, committing?: () => void): Promise<Answer>
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
export const byPrisma = <Of extends Statements>(client: Of): Connection & { client: Of } => ({
  client,
  run: (statement) => client.$queryRaw(wellTyped(statement)),
})

const nobody = new Proxy({} as Statements, {
  get: () => {
    throw new Error('a transaction sends statements of our own alone')
  },
})

/** The inside of a transaction. */
const inside = (run: Connection['run']): Connection => ({ client: nobody, run })

/** Runs the body in a transaction of Prisma's, one statement after the other. */
function transactByPrisma<Answer>(client: Client, body: (inside: Connection) => Promise<Answer>, committing?: () => void): Promise<Answer> {
  return client.$transaction(async (statements) => {
    let last: Promise<unknown> = Promise.resolve()
    const run = <Row extends object>(statement: Prisma.Sql): Promise<Row[]> => {
      const answer = last.then(() => byPrisma(statements).run<Row>(statement))
      last = answer
      answer.catch(() => undefined)
      return answer
    }
    const answer = await body(inside(run)).catch(async (error: unknown) => {
      await last.catch(() => undefined)
      throw error
    })
    await last.catch((error: unknown) => {
      throw new RolledBack(error)
    })
    committing?.()
    return answer
  })
}

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
    transact: (body, committing) => transactByPrisma(client, body, committing),
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
      // Statements of a transaction need not wait for each other.
      pipeline: true,
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
  const ofStatement = (statement: Prisma.Sql): QueryConfig => plain(wellTyped(statement).text, statement.values)
  return {
    kind: 'postgresql',
    client,
    run: <Row extends object>(statement: Prisma.Sql) => pools.run<Row>(ofStatement(statement)).catch(failed),
    transact: async (body, committing) => {
      onStatement?.('BEGIN')
      const answer = await pools.transact(
        (send) => body(inside(<Row extends object>(statement: Prisma.Sql) => send<Row>(() => ofStatement(statement)).catch(failed))),
        committing,
      )
      // Once it is answered, as Prisma tells of all that it sends.
      onStatement?.('COMMIT')
      return answer
    },
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
