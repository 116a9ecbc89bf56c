// Prisma's and PostgreSQL's codes for: no connection, too slow, lock timeout, deadlock, transaction ended, shutting down.
const transient =
  /^(P1001|P1002|P1008|P1017|P2024|P2028|P2034|08\d{3}|40001|40P01|53\d{3}|55P03|57P0\d|57014|25P01|25P03|25006|58030|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/

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

/**
 * PostgreSQL's own code for why it refused a statement; null for every other failure. What ends a session (FATAL, classes 08 and 57P) may be said by
 * a pooler, of a statement that PostgreSQL has run.
 */
function refusalOf(error: unknown): string | null {
  const { meta } = (error ?? {}) as { meta?: { code?: unknown; severity?: unknown; driverAdapterError?: { cause?: { originalCode?: unknown } } } }
  const code = meta?.code ?? meta?.driverAdapterError?.cause?.originalCode
  const isOfStatement = meta?.severity === undefined || meta.severity === 'ERROR'
  return isOfStatement && typeof code === 'string' && /^(?!08|57P)[0-9FHPX][0-9A-Z]{4}$/.test(code) ? code : null
}

/** Whether the statement was refused, and so everything that its transaction would do: by PostgreSQL, or by Prisma, whose transaction had ended. */
export const isRefused = (error: unknown): boolean => refusalOf(error) !== null || (error as { code?: unknown } | null)?.code === 'P2028'

/** Whether a unique constraint refused the write. */
export const isUniqueViolation = (error: unknown): boolean => refusalOf(error) === '23505'
