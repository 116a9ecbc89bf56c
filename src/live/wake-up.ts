import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { isId } from '../ids.ts'
import type { Hub, Log } from '../ports.ts'

const channel = 'aura_keys'
/** At most one NOTIFY in this time; what changes meanwhile goes with the next. */
const coalesceMs = 3
/** As many organizations as fit into one NOTIFY, whose payload PostgreSQL limits to 8,000 bytes. */
const idsPerHint = 200
const maxBackoffMs = 5_000

export interface WakeUp {
  /** Tells the other nodes that something of the organization changed; called after the commit, never inside. */
  changed(organizationId: string): void
  /** Whether hints of other nodes arrive; null when there is nobody to listen to. */
  readonly isListening: boolean | null
  close(): Promise<void>
}

/** The ids in a hint. Whoever may connect to the database can send one: what is no list of ids is dropped. */
export function parseHint(payload: string | undefined): string[] {
  const ids = (payload ?? '').split(',')
  return ids.length <= idsPerHint && ids.every((id) => isId(id, 'org')) ? ids : []
}

/**
 * Carries hints between the nodes of one PostgreSQL by LISTEN and NOTIFY, on a connection of its own that is made again whenever it breaks.
 * A hint that is lost costs latency only: the poller sees the version.
 */
export function createWakeUp(connectionString: string, hub: Hub, log: Log): WakeUp {
  const pending = new Set<string>()
  let client: Client | null = null
  let closed = false
  let timer: NodeJS.Timeout | null = null

  const flush = (): void => {
    timer = null
    const ids = [...pending]
    pending.clear()
    for (let from = 0; from < ids.length; from += idsPerHint) {
      // A connection that breaks here is noticed by its own error; the poller of the others makes up for the hint.
      client?.query('SELECT pg_notify($1, $2)', [channel, ids.slice(from, from + idsPerHint).join(',')]).catch(() => undefined)
    }
  }

  /** One connection, from its start to its end; answers whether it ever listened. */
  async function listen(): Promise<boolean> {
    const connection = new Client({ connectionString, options: '-c synchronous_commit=off', connectionTimeoutMillis: 3_000, keepAlive: true })
    const ended = new Promise<void>((resolve) => connection.once('end', resolve).on('error', () => resolve()))
    try {
      await connection.connect()
      connection.on('notification', ({ payload }) => {
        const ids = parseHint(payload)
        if (ids.length === 0) log.warn({}, 'a hint that is none was dropped')
        for (const id of ids) hub.changed(id)
      })
      await connection.query(`LISTEN ${channel}`)
    } catch {
      connection.end().catch(() => undefined)
      return false
    }
    if (closed) {
      await connection.end().catch(() => undefined)
      return true
    }
    client = connection
    hub.changedAll()
    await ended
    client = null
    connection.end().catch(() => undefined)
    return true
  }

  const leaving = new AbortController()
  const running = (async () => {
    for (let backoffMs = 50; !closed; ) {
      const listened = await listen()
      if (closed) break
      log.warn({}, 'the listening connection is gone; polling meanwhile')
      backoffMs = listened ? 50 : Math.min(backoffMs * 2, maxBackoffMs)
      await pause(backoffMs * (0.5 + Math.random() / 2), undefined, { signal: leaving.signal }).catch(() => undefined)
    }
  })()

  return {
    changed: (organizationId) => {
      pending.add(organizationId)
      timer ??= setTimeout(flush, coalesceMs)
    },
    get isListening() {
      return client !== null
    },
    close: async () => {
      if (timer) clearTimeout(timer)
      flush()
      closed = true
      leaving.abort()
      await client?.end().catch(() => undefined)
      await running
    },
  }
}

/** The form for one process, which hears of its own changes through the hub. */
export const noWakeUp: WakeUp = { changed: () => undefined, isListening: null, close: async () => undefined }

/**
 * Wakes the watchers of organizations whose version moved, however it moved: one statement for all that are watched here.
 * Called every half second, whatever the listener's state, so that no change stays unseen for longer.
 */
export function createPoller(hub: Hub, versions: (organizationIds: readonly string[]) => Promise<{ id: string; version: bigint }[]>): () => Promise<void> {
  let known = new Map<string, bigint>()
  return async () => {
    const watched = hub.watched()
    const rows = watched.length === 0 ? [] : await versions(watched)
    for (const { id, version } of rows) if (known.get(id) !== version) hub.changed(id)
    known = new Map(rows.map(({ id, version }) => [id, version]))
  }
}
