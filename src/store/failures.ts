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

/** Whether a unique constraint refused the write. */
export function isUniqueViolation(error: unknown): boolean {
  const { meta } = (error ?? {}) as { meta?: { code?: unknown; driverAdapterError?: { cause?: { originalCode?: unknown } } } }
  return (meta?.code ?? meta?.driverAdapterError?.cause?.originalCode) === '23505'
}

/** What failed in a transaction, of which nothing is in force: the database has said so. */
export class RolledBack extends Error {
  override readonly name = 'RolledBack'

  constructor(cause: unknown) {
    super('a transaction was rolled back', { cause })
  }
}
