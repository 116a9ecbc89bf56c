import type { PGlite, QueryOptions, Transaction } from '@electric-sql/pglite'
import type { SqlDriverAdapterFactory, SqlQuery, SqlQueryable } from '@prisma/driver-adapter-utils'

// Prisma's adapters write times without an offset and drop the one that they read: as if every session were in UTC. What sets a session's zone
// is not ours alone (the role, the database, the URL, a pooler), so both ways are made explicit here.

/** PostgreSQL's numbers of its types. */
const [json, jsonb, timestamptz, timestamptzArray] = [114, 3802, 1184, 1185]

// Offsets have seconds before zones were standardized: Asia/Kolkata was at +05:53:28.
const zoned = String.raw`(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?`
const whole = new RegExp(`^${zoned}$`)
const each = new RegExp(zoned, 'g')
// Names of times end in At. In JSON a quote inside of a text has a backslash before it, so this finds no text of a caller's.
const inJson = new RegExp(String.raw`(?<="\w+At" ?: ?")(?![^"]*\+00:00")${zoned}(?=")`, 'g')
// As nearly all are: the adapter takes them as they stand, and large answers have thousands.
const inUtcAlready = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?\+00$/

const withOffset = (time: Date): string => time.toISOString().replace('Z', '+00:00')

function toUtc(_: string, day: string, time: string, sign: string, hours: string, minutes = '0', seconds = '0'): string {
  const offsetMs = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
  return withOffset(new Date(Date.parse(`${day}T${time}Z`) + (sign === '-' ? offsetMs : -offsetMs)))
}

/** The database sends times that cannot be read for certain, which no caller can mend. */
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
  // Prisma reads times in JSON with their offset, but not with one that has seconds.
  [json]: (text) => text.replace(inJson, toUtc),
  [jsonb]: (text) => text.replace(inJson, toUtc),
}

/** A parser of an adapter, before which times are put into UTC. */
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
    // As a text it is sent as it stands.
    argTypes: query.argTypes.map((type, index) => (isTime[index] ? { ...type, scalarType: 'string' } : type)),
  }
}

function writing<Queryable extends SqlQueryable>(queryable: Queryable): Queryable {
  const { queryRaw, executeRaw } = queryable
  queryable.queryRaw = (query) => queryRaw.call(queryable, explicit(query))
  queryable.executeRaw = (query) => executeRaw.call(queryable, explicit(query))
  return queryable
}

/** The adapter, writing times with their offset. */
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

/** What the adapter uses of the embedded database, reading times with their offset. */
export function readingOffsets(pglite: PGlite): PGlite {
  const query =
    (target: Pick<Transaction, 'query'>) =>
    (sql: string, values: unknown[], options: QueryOptions): Promise<unknown> => {
      const parsers = Object.entries(options.parsers ?? {}).map(([type, parse]) => [type, inUtc(Number(type), parse)])
      return target.query(sql, values, { ...options, parsers: Object.fromEntries(parsers) })
    }
  return {
    query: query(pglite),
    exec: pglite.exec.bind(pglite),
    transaction: (body: (transaction: object) => Promise<unknown>) =>
      pglite.transaction((transaction) => body({ query: query(transaction), rollback: () => transaction.rollback() })),
  } as unknown as PGlite
}
