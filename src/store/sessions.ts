import { Client, type ClientConfig, type CustomTypesConfig, type Pool } from 'pg'
import { inUtc } from './times.ts'

declare module 'pg' {
  interface Client {
    /** The parameters in the first message of a session. */
    getStartupConf(): Record<string, string>
  }
}

/** How long a statement waits for a lock, and a transaction for its next statement. */
const lockTimeoutMs = 2_000
const idleInTransactionMs = 5_000
/** How long a statement of a verification may take: then it is stopped, and requests that wait for it get 503. */
export const maxSharedMs = 2_000
/** These, and how long one statement may take, under PostgreSQL's names; 0: no limit. */
export const timeouts = (statementMs: number): Readonly<Record<string, string>> => ({
  lock_timeout: String(lockTimeoutMs),
  idle_in_transaction_session_timeout: String(idleInTransactionMs),
  statement_timeout: String(statementMs),
})

/** Poolers keep these two for each client, whichever session it gets. */
export const utc: Readonly<Record<string, string>> = { TimeZone: 'UTC', DateStyle: 'ISO, MDY' }

type Query = (config: unknown, ...rest: unknown[]) => unknown

function reading(config: unknown): unknown {
  const types = (config as { types?: CustomTypesConfig } | null)?.types
  if (types === undefined) return config
  const getTypeParser = (type: number, format: 'text'): ((text: string) => unknown) => inUtc(type, types.getTypeParser(type, format))
  return { ...(config as object), types: { getTypeParser } }
}

/**
 * Returns the driver's client whose sessions start with these settings, each as its own parameter: unlike `options` they add to those of the URL,
 * and they override them, the environment, the role and the database. It reads times with their offset anyway.
 */
export const clientWith = (settings: Readonly<Record<string, string>>): typeof Client =>
  class extends Client {
    constructor(config?: string | ClientConfig) {
      super(config)
      const query = this.query.bind(this) as Query
      this.query = ((config: unknown, ...rest: unknown[]) => query(reading(config), ...rest)) as typeof this.query
    }

    override getStartupConf(): Record<string, string> {
      return { ...super.getStartupConf(), ...settings }
    }
  }

/** Sessions do not meet the requirements. */
export class WrongSession extends Error {
  override readonly name = 'WrongSession'
}

interface Session {
  readonly dateStyle: string
  readonly isStandby: boolean
  readonly isReadOnly: boolean
  readonly encoding: string
  /** Where new tables would be made; null if in none that is there and may be used. */
  readonly schema: string | null
  /** Whether the role may use the schema public; null if that is missing. */
  readonly mayUse: boolean | null
  /** Both as SQL writes them. */
  readonly role: string
  readonly database: string
}

const asked = `SELECT current_setting('DateStyle') AS "dateStyle", pg_is_in_recovery() AS "isStandby", current_setting('transaction_read_only') = 'on' AS "isReadOnly", current_setting('server_encoding') AS encoding,
  current_schema()::text AS schema, (SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = 'public') AS "mayUse",
  quote_ident(current_user) AS role, quote_ident(current_database()) AS database`

/** What is wrong with the sessions of the role, and what to do; null if nothing is. */
function problemOf({ dateStyle, isStandby, isReadOnly, encoding, schema, mayUse, role, database }: Session): string | null {
  if (isStandby) return 'DATABASE_URL leads to a standby, which may not know yet what was denied. Give the URL of the primary.'
  if (isReadOnly) return `The database ${database} is read-only for the role ${role}: nothing can be written. Is default_transaction_read_only off?`
  if (encoding !== 'UTF8') {
    return `The database ${database} is encoded in ${encoding}, which cannot hold every name. Make one in UTF-8, and give its URL: CREATE DATABASE aura ENCODING 'UTF8' TEMPLATE template0`
  }
  if (mayUse === null) return `The database ${database} has no schema public, where the tables are. As its owner run: CREATE SCHEMA public`
  if (!mayUse) return `The role ${role} may not use the schema public. As its owner run: GRANT USAGE, CREATE ON SCHEMA public TO ${role}`
  if (schema !== 'public') {
    return `The tables are in the schema public, and search_path makes sessions of this role look elsewhere first (${schema ?? 'in no schema'}). Remove search_path from the options of DATABASE_URL if it is there; else run: ALTER ROLE ${role} IN DATABASE ${database} SET search_path TO public`
  }
  if (dateStyle.startsWith('ISO')) return null
  return "The database writes times in a form that only people can read. Run this with the role of DATABASE_URL, and start again: ALTER ROLE CURRENT_USER SET DateStyle TO 'ISO, MDY'"
}

/**
 * Throws `WrongSession` for a standby, a read-only database, a pooler that refuses session settings, another encoding than UTF-8, another schema than public, and a
 * DateStyle other than ISO: no other setting affects a time.
 */
export async function requireSessions(pool: Pool): Promise<void> {
  const { rows } = await pool.query<Session>(asked).catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== '08P01') throw error
    throw new WrongSession('DATABASE_URL leads to a pooler, which refuses settings of sessions. Set DATABASE_LISTEN_URL: to a direct connection, or to off.')
  })
  const problem = rows[0] ? problemOf(rows[0]) : null
  if (problem !== null) throw new WrongSession(problem)
}
