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
export const maxVerificationMs = 2_000
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

/** Throws `WrongSession` for a standby, a pooler that refuses session settings, and a DateStyle other than ISO: no other setting affects a time. */
export async function requireSessions(pool: Pool): Promise<void> {
  const asked = `SELECT current_setting('DateStyle') AS "dateStyle", pg_is_in_recovery() AS "isStandby"`
  const { rows } = await pool.query<{ dateStyle: string; isStandby: boolean }>(asked).catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== '08P01') throw error
    throw new WrongSession('DATABASE_URL leads to a pooler, which refuses settings of sessions. Set DATABASE_LISTEN_URL: to a direct connection, or to off.')
  })
  if (rows[0]?.isStandby) throw new WrongSession('DATABASE_URL leads to a standby, which may not know yet what was denied. Give the URL of the primary.')
  if (rows[0]?.dateStyle.startsWith('ISO')) return
  throw new WrongSession(
    "The database writes times in a form that only people can read. Run this with the role of DATABASE_URL, and start again: ALTER ROLE CURRENT_USER SET DateStyle TO 'ISO, MDY'",
  )
}
