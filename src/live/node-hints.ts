import { setTimeout as pause } from 'node:timers/promises'
import type { Client } from 'pg'
import { isId } from '../ids.ts'
import type { Hub, Log, Metrics } from '../ports.ts'
import { clientWith } from '../store/sessions.ts'

const channel = 'aura_keys'
/** At most one NOTIFY in this time; later changes go with the next one. */
const coalesceMs = 3
/** As many organizations as fit into one NOTIFY, whose payload PostgreSQL limits to 8,000 bytes. */
const idsPerHint = 150
const maxBackoffMs = 5_000
/** How often the connection is checked, and how long a check may take: a network can drop a connection without an error. */
const checkMs = 5_000
const answerMs = 2_000

const ListeningClient = clientWith({ synchronous_commit: 'off' })

export interface NodeHints {
  /** Tells the other nodes the organization's version; called after the commit, never in the transaction. */
  changed(organizationId: string, version: bigint): void
  /** Whether hints of other nodes arrive; null if there is nothing to receive, or before the first attempt. */
  readonly isListening: boolean | null
  close(): Promise<void>
}

/** Parses a hint. Any client of the database can send one: anything but a list of ids and versions is dropped. */
export function parseHint(payload: string | undefined): { organizationId: string; version: bigint }[] {
  const parts = (payload ?? '').split(',').map((part) => part.split(':'))
  if (parts.length > idsPerHint || !parts.every(([id, version, ...more]) => isId(id ?? '', 'org') && /^\d{1,18}$/.test(version ?? '') && more.length === 0))
    return []
  return parts.map(([id, version]) => ({ organizationId: id as string, version: BigInt(version as string) }))
}

function takeHint(payload: string | undefined, hub: Pick<Hub, 'hinted'>, metrics: Pick<Metrics, 'hintDropped'>): void {
  const hints = parseHint(payload)
  if (hints.length === 0) metrics.hintDropped()
  for (const { organizationId, version } of hints) hub.hinted(organizationId, version)
}

/** Hints for these versions, each short enough for a NOTIFY. */
function writeHints(versions: ReadonlyMap<string, bigint>): string[] {
  const parts = [...versions].map(([id, version]) => `${id}:${version}`)
  return Array.from({ length: Math.ceil(parts.length / idsPerHint) }, (_, at) => parts.slice(at * idsPerHint, (at + 1) * idsPerHint).join(','))
}

/** Connects and listens; null if that fails. */
async function connect(connectionString: string, heard: (payload: string | undefined) => void): Promise<{ client: Client; ended: Promise<void> } | null> {
  const client = new ListeningClient({ connectionString, connectionTimeoutMillis: 3_000, keepAlive: true })
  const ended = new Promise<void>((resolve) => client.once('end', resolve).on('error', () => resolve()))
  try {
    await client.connect()
    client.on('notification', ({ payload }) => heard(payload))
    await client.query(`LISTEN ${channel}`)
    return { client, ended }
  } catch {
    client.end().catch(() => undefined)
    return null
  }
}

/**
 * Sends hints between the nodes of one PostgreSQL by LISTEN and NOTIFY, on its own connection, and reconnects when that breaks.
 * A lost hint only adds latency: the poller finds the version.
 */
export function createNodeHints(connectionString: string, hub: Pick<Hub, 'hinted' | 'hintedAll'>, log: Log, metrics: Pick<Metrics, 'hintDropped'>): NodeHints {
  const pending = new Map<string, bigint>()
  let client: Client | null = null
  /** The driver takes one statement at a time. */
  let asked: Promise<unknown> = Promise.resolve()
  /** Without an attempt nothing is wrong. */
  let isTried = false
  let closed = false
  let timer: NodeJS.Timeout | null = null

  const flush = (): void => {
    timer = null
    // A connection that breaks here emits its own error; the pollers of the others make up for the hint.
    for (const hint of writeHints(pending)) asked = asked.then(() => client?.query('SELECT pg_notify($1, $2)', [channel, hint])).catch(() => undefined)
    pending.clear()
  }

  /** Closes a connection that does not respond. */
  const check = (connection: Client): void => {
    const silent = setTimeout(() => connection.connection.stream.destroy(), answerMs)
    asked = asked
      .then(() => connection.query('SELECT 1'))
      .catch(() => undefined)
      .finally(() => clearTimeout(silent))
  }

  /** Runs one connection until it ends; returns whether it ever listened. */
  async function listen(): Promise<boolean> {
    const listening = await connect(connectionString, (payload) => takeHint(payload, hub, metrics))
    if (!listening) return false
    const { client: connection, ended } = listening
    if (closed) {
      await connection.end().catch(() => undefined)
      return true
    }
    client = connection
    hub.hintedAll()
    const checks = setInterval(check, checkMs, connection)
    await ended
    clearInterval(checks)
    client = null
    connection.end().catch(() => undefined)
    return true
  }

  const leaving = new AbortController()
  const running = (async () => {
    for (let backoffMs = 50; !closed; ) {
      const listened = await listen()
      isTried = true
      if (closed) break
      log.warn({}, 'the listening connection is gone; polling meanwhile')
      backoffMs = listened ? 50 : Math.min(backoffMs * 2, maxBackoffMs)
      await pause(backoffMs * (0.5 + Math.random() / 2), undefined, { signal: leaving.signal }).catch(() => undefined)
    }
  })()

  return {
    changed: (organizationId, version) => {
      if ((pending.get(organizationId) ?? -1n) < version) pending.set(organizationId, version)
      timer ??= setTimeout(flush, coalesceMs)
    },
    get isListening() {
      return client === null && !isTried ? null : client !== null
    },
    close: async () => {
      if (timer) clearTimeout(timer)
      flush()
      // Sends the last hint, if there is a connection for it.
      await Promise.race([asked, pause(500, undefined, { ref: false })])
      closed = true
      leaving.abort()
      await client?.end().catch(() => undefined)
      await running
    },
  }
}
