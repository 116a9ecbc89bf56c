import { Client } from 'pg'
import { MigrationFailed } from './applied.ts'

/** Where a URL leads, without its password. */
interface Target {
  readonly address: string
  readonly database: string
  readonly role: string
  readonly wantsTls: boolean
}

/** Null for a URL that names a file which cannot be read. */
function clientOf(connectionString: string | undefined): Client | null {
  try {
    return connectionString === undefined ? null : new Client({ connectionString })
  } catch {
    return null
  }
}

function targetOf(connectionString: string | undefined): Target {
  const { host, port, database, user, ssl } = clientOf(connectionString) ?? {}
  if (host === undefined) return { address: 'its address', database: 'of DATABASE_URL', role: 'of DATABASE_URL', wantsTls: false }
  const address = host.startsWith('/') ? host : `${host.includes(':') ? `[${host}]` : host}:${port}`
  return { address, database: database ?? '', role: user ?? '', wantsTls: Boolean(ssl) }
}

type Sentence = (target: Target) => string

const unreachable =
  (code: string): Sentence =>
  ({ address }) =>
    `Nothing answered at ${address} (${code}). Is the database running, and does DATABASE_URL lead there?`

/** By SQLSTATE. */
const refusals: Readonly<Record<string, Sentence>> = {
  '3D000': ({ database, address }) => `There is no database ${database} at ${address}. Make it, with CREATE DATABASE ${database}, or correct DATABASE_URL.`,
  '28000': ({ role, wantsTls }) =>
    `The database refuses the role ${role}. Is there such a role with LOGIN, and does pg_hba.conf admit it from here?${wantsTls ? '' : ' If only connections with TLS are admitted, add sslmode=verify-full to DATABASE_URL.'}`,
  '28P01': ({ role }) => `The database refuses the password of the role ${role}. Correct DATABASE_URL.`,
  '42501': ({ role, database }) =>
    `The role ${role} lacks a right on the database ${database}. As its owner run: GRANT CONNECT ON DATABASE ${database} TO ${role}; for the tables see docs/operating.md (Two roles).`,
  '53100': () => 'The disk of the database is full. Make room, and start again.',
  '53300': () => 'The database has no connection left. Raise max_connections there, or stop what holds them; a node uses up to 20.',
  '55000': ({ database }) => `The database ${database} accepts no connections: it is closed by ALLOW_CONNECTIONS, or a template.`,
  '55P03': () => 'A lock was not free in time. Is another program changing the tables? Start again when it is done.',
  '57P03': () => 'The database is starting or stopping. Start again in a moment.',
}

/** The driver's own messages, which have no code. */
const ofDriver: readonly [RegExp, Sentence][] = [
  [
    /^The server does not support SSL connections$/,
    ({ address }) =>
      `DATABASE_URL asks for TLS, which the database at ${address} does not offer. Switch it on there, or remove sslmode from DATABASE_URL if the network is safe.`,
  ],
  [/client password must be a string/, ({ role }) => `The database asks for the password of the role ${role}, and DATABASE_URL has none.`],
  [/^(Connection terminated|timeout e)/, unreachable('no answer')],
]

const isCertificate = /^(CERT_|ERR_TLS_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/
const isNetwork = /^(ECONN[A-Z]+|EAI_[A-Z]+|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EPIPE)$/

/** The object that a refused statement names; class 42 is about names, other classes can quote values. */
function objectOf({ code, table, constraint, message }: Readonly<Record<string, unknown>>): string {
  const named = table ?? constraint ?? (String(code).startsWith('42') ? /"([^"]{1,63})"/.exec(String(message))?.[1] : undefined)
  return named === undefined ? '' : ` about ${String(named)}`
}

/** Says why the database cannot be used, and what to do; null for errors that are not the database's. Repeats no value and no password. */
export function explainDatabase(error: unknown, connectionString: string | undefined): string | null {
  if (error instanceof MigrationFailed) {
    const why = explainDatabase(error.cause, connectionString) ?? (error.cause as Error).name
    return `The migration ${error.migration} failed, and nothing of it is in the database. ${why}`
  }
  if (typeof error !== 'object' || error === null) return null
  const { code, message, cause, meta } = error as Readonly<Record<string, unknown>>
  const target = targetOf(connectionString)
  const refusal = typeof code === 'string' && Object.hasOwn(refusals, code) ? refusals[code] : undefined
  const driver = ofDriver.find(([pattern]) => pattern.test(String(message)))
  if (refusal) return refusal(target)
  if (driver) return driver[1](target)
  if (typeof code === 'string' && isCertificate.test(code)) {
    return `The certificate of the database at ${target.address} is not trusted (${code}). Name the authority that signed it: sslrootcert=FILE in DATABASE_URL.`
  }
  const inner = explainInner(cause, meta, connectionString)
  if (inner !== null) return inner
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code) && !/^P\d{4}$/.test(code)) {
    return `The database refused a statement${objectOf(error as Readonly<Record<string, unknown>>)}, with SQLSTATE ${code}. Its log has the statement; the list of error codes in PostgreSQL's manual says what the code means.`
  }
  const { syscall } = error as NodeJS.ErrnoException
  return typeof code === 'string' && (isNetwork.test(code) || syscall === 'connect') ? unreachable(code)(target) : null
}

/** Prisma's errors hold the driver's. */
function explainInner(cause: unknown, meta: unknown, connectionString: string | undefined): string | null {
  const { driverAdapterError } = (meta ?? {}) as Readonly<Record<string, unknown>>
  const { originalCode } = (cause ?? {}) as Readonly<Record<string, unknown>>
  if (originalCode !== undefined) return explainDatabase({ code: originalCode }, connectionString)
  return [cause, driverAdapterError].reduce<string | null>((found, inner) => found ?? (inner ? explainDatabase(inner, connectionString) : null), null)
}
