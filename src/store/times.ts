import type { PGlite, QueryOptions, Transaction } from '@electric-sql/pglite'
import type { SqlDriverAdapterFactory, SqlQuery, SqlQueryable } from '@prisma/driver-adapter-utils'

// Prisma's adapters write times without an offset and drop the one that they read: as if every session were in UTC. The role, the database,
// the URL or a pooler can set another zone, so both directions are made explicit here.

/** PostgreSQL's type numbers. */
const [json, jsonb, timestamptz, timestamptzArray] = [114, 3802, 1184, 1185]

// Offsets have seconds before zones were standardized: Asia/Kolkata was at +05:53:28.
const zoned = String.raw`(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?`
const whole = new RegExp(`^${zoned}$`)
const each = new RegExp(zoned, 'g')
// Names of times end in At. JSON puts a backslash before a quote inside a text, so this matches no text of a caller.
const inJson = new RegExp(String.raw`(?<="\w+At" ?: ?")(?![^"]*\+00:00")${zoned}(?=")`, 'g')
// Nearly all times are so: the adapter takes them unchanged, and large results have thousands.
const inUtcAlready = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?\+00$/

const withOffset = (time: Date): string => time.toISOString().replace('Z', '+00:00')

function toUtc(_: string, day: string, time: string, sign: string, hours: string, minutes = '0', seconds = '0'): string {
  const offsetMs = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
  return withOffset(new Date(Date.parse(`${day}T${time}Z`) + (sign === '-' ? offsetMs : -offsetMs)))
}

/** The database sends times that cannot be read reliably, which no caller can fix. */
export class UnreadableTimes extends Error {
  override readonly name = 'UnreadableTimes'
}

const normalizers: Readonly<Record<number, (text: string) => string>> = {
  [timestamptz]: (text) => {
    if (inUtcAlready.test(text)) return text
    if (!whole.test(text)) throw new UnreadableTimes('the database sends times in another form than ISO 8601')
    return text.replace(whole, toUtc)
  },
  [timestamptzArray]: (text) => text.replace(each, toUtc),
  // Prisma reads times in JSON with their offset, but not if it has seconds.
  [json]: (text) => text.replace(inJson, toUtc),
  [jsonb]: (text) => text.replace(inJson, toUtc),
}

/** A time in JSON that PostgreSQL made, in whatever zone its session is. */
export const timeOfJson = (text: string): Date => new Date(text.endsWith('+00:00') ? text : text.replace(whole, toUtc))

/** Returns the adapter's parser, with times put into UTC first. */
export function inUtc<Parse extends (text: string, ...rest: never[]) => unknown>(type: number, parse: Parse): Parse {
  const normalize = normalizers[type]
  return normalize ? (((text: string, ...rest: never[]) => parse(normalize(text), ...rest)) as Parse) : parse
}

function explicit(query: SqlQuery): SqlQuery {
  const isTime = query.argTypes.map(({ scalarType }) => scalarType === 'datetime')
  if (!isTime.includes(true)) return query
  const write = (value: unknown): unknown => (value === null ? null : Array.isArray(value) ? value.map(write) : withOffset(new Date(value as string)))
  return {
    ...query,
    args: query.args.map((value, index) => (isTime[index] ? write(value) : value)),
    // A text is sent unchanged.
    argTypes: query.argTypes.map((type, index) => (isTime[index] ? { ...type, scalarType: 'string' } : type)),
  }
}

function writing<Queryable extends SqlQueryable>(queryable: Queryable): Queryable {
  const { queryRaw, executeRaw } = queryable
  queryable.queryRaw = (query) => queryRaw.call(queryable, explicit(query))
  queryable.executeRaw = (query) => executeRaw.call(queryable, explicit(query))
  return queryable
}

/** Makes the adapter write times with their offset. */
export function withOffsets<Factory extends SqlDriverAdapterFactory>(factory: Factory): Factory {
  const connect = factory.connect.bind(factory)
  factory.connect = async () => {
    const connection = writing(await connect())
    const startTransaction = connection.startTransaction.bind(connection)
    connection.startTransaction = async (isolation) => writing(await startTransaction(isolation))
    return connection
  }
  return factory
}

/** The embedded database as the adapter uses it, with times read with their offset; `onFailure` gets the errors of statements. */
export function readingOffsets(pglite: PGlite, onFailure: (error: unknown) => void): PGlite {
  const query =
    (target: Pick<Transaction, 'query'>) =>
    async (sql: string, values: unknown[], options: QueryOptions): Promise<unknown> => {
      const parsers = Object.entries(options.parsers ?? {}).map(([type, parse]) => [type, inUtc(Number(type), parse)])
      try {
        return await target.query(sql, values, { ...options, parsers: Object.fromEntries(parsers) })
      } catch (error) {
        onFailure(error)
        throw error
      }
    }
  return {
    query: query(pglite),
    exec: pglite.exec.bind(pglite),
    transaction: (body: (transaction: object) => Promise<unknown>) =>
      pglite.transaction((transaction) => body({ query: query(transaction), rollback: () => transaction.rollback() })),
  } as unknown as PGlite
}
