import type { Clock, Log } from '../ports.ts'

const minuteMs = 60_000

/** What an operator mends, by SQLSTATE; for the embedded database also by Node's code of the file system. Callers cause none of these, but for a lock that they all want. */
const causes: Readonly<Record<string, string>> = {
  '25006': 'the database is read-only',
  '42501': 'the role of DATABASE_URL lacks a right',
  '53100': 'the disk of the database is full',
  '53200': 'the database is out of memory',
  '53300': 'the database has no connection left',
  '53400': 'the database is at a limit of its configuration',
  '55P03': 'a lock was not free in time',
  '58030': 'the database cannot read or write its files',
  '58P01': 'a file of the database is missing',
  XX001: 'the database has damaged data',
  XX002: 'the database has a damaged index',
  EDQUOT: 'the disk of the database is full',
  EIO: 'the database cannot read or write its files',
  ENOSPC: 'the disk of the database is full',
  EROFS: 'the database is read-only',
}

/** What the database refused lately, for operators: callers only read that it is busy or out of reach. */
export interface Troubles {
  /** Takes any failure of a statement; logs one line per cause and minute. */
  note(error: unknown): void
  /** What was noted within a minute. */
  warnings(): string[]
}

export function createTroubles(clock: Clock, log: Log): Troubles {
  const loggedAt = new Map<string, number>()
  const notedAt = new Map<string, number>()
  const textOf = (code: string): string => `${causes[code]} (${code})`
  return {
    note: (error) => {
      const code = String((error as { code?: unknown } | null)?.code)
      if (!Object.hasOwn(causes, code)) return
      const now = clock.now().getTime()
      notedAt.set(code, now)
      if (now - (loggedAt.get(code) ?? -minuteMs) < minuteMs) return
      loggedAt.set(code, now)
      log.warn({ code }, `${causes[code]}: statements are refused`)
    },
    warnings: () => [...notedAt].filter(([, at]) => clock.now().getTime() - at < minuteMs).map(([code]) => textOf(code)),
  }
}
