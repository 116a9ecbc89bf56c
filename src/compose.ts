import { randomBytes, randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { createAuthenticate } from './access/authenticate.ts'
import { createProviderVerifier, createSecretVerifier, type VerifyToken } from './access/tokens.ts'
import { type Config, secretBytes } from './config.ts'
import { createCursors } from './crypto/cursor.ts'
import { createDigests } from './crypto/digest.ts'
import { createSeals } from './crypto/seal.ts'
import { expireKeys } from './keys/expire-keys.ts'
import { createHub } from './live/hub.ts'
import { createMemberships } from './live/memberships.ts'
import { createPoller, createWakeUp, noWakeUp } from './live/wake-up.ts'
import type { Clock, Log, Ports } from './ports.ts'
import { rewrapSecrets } from './secrets/rewrap-secrets.ts'
import { createEventsRoute } from './server/events.ts'
import { createGraphQLServer } from './server/graphql.ts'
import { createHttpServer } from './server/http.ts'
import { createMetrics } from './server/metrics.ts'
import { createRepeater } from './server/repeat.ts'
import { createRefused } from './server/request.ts'
import { createStreams } from './server/streams.ts'
import { attachWebSocket } from './server/websocket.ts'
import { createChange } from './store/change.ts'
import { type Database, isTransient, type OnStatement, openPGlite, openPostgres } from './store/client.ts'
import { BadSecretFile, databaseFolder, lockFolder, secretFile } from './store/data-folder.ts'
import { knownFingerprints, rememberFingerprint, requireFingerprint } from './store/fingerprints.ts'
import { createStores } from './store/stores.ts'
import { dayMs } from './time.ts'
import { createVerificationRoute } from './verification/http.ts'
import { createLastUses } from './verification/last-uses.ts'
import { propagate } from './verification/propagate.ts'
import { nodeStore } from './verification/store.ts'

/** Connections that wait to be accepted, when clients come back all at once; beyond it they try again after seconds. The system may allow fewer. */
const backlog = 8_192

/** Stopping takes no longer, but for a moment: whoever sent SIGTERM follows with SIGKILL, mostly after ten seconds. */
const closingMs = 8_500

/** What a test sets otherwise. */
export interface Overrides {
  readonly clock?: Clock
  readonly log?: Log
  readonly onStatement?: OnStatement
}

function readSecretFile(config: Config, name: string, mustExist = false): Uint8Array {
  const bytes = secretBytes(secretFile(config.DATA_DIR, name, mustExist))
  if (!bytes) throw new BadSecretFile(`${config.DATA_DIR}/${name} does not hold 32 bytes in base64. Put the old file back.`)
  return bytes
}

/** What tokens are signed with: as configured, or for the embedded database made once and kept in its folder. */
export const readAuthSecret = (config: Config): Uint8Array =>
  config.AUTH_SECRET !== undefined ? new TextEncoder().encode(config.AUTH_SECRET) : readSecretFile(config, 'auth-secret')

const createVerifyToken = (config: Config, clock: Clock, log: Log): VerifyToken => {
  const now = (): Date => clock.now()
  return config.provider ? createProviderVerifier({ ...config.provider, now, log }) : createSecretVerifier(readAuthSecret(config), now)
}

/** Peppers and key-encryption keys, likewise; a file that the database was used with is never made anew. */
async function readKeySecrets(config: Config, database: Database): Promise<{ peppers: readonly Uint8Array[]; keks: readonly Uint8Array[] }> {
  const known = await knownFingerprints(database.client)
  return {
    peppers: config.KEY_PEPPER ?? [readSecretFile(config, 'key-pepper', known.has('pepper'))],
    keks: config.SECRETS_KEK ?? [readSecretFile(config, 'secrets-kek', known.has('kek'))],
  }
}

export interface App {
  readonly ports: Ports
  readonly database: Database
  readonly config: Config
  /** Moves what is due and writes what gathered; runs by itself once the app listens. */
  sweep(): Promise<void>
  /** Re-wraps secrets under the current key-encryption key and deletes what need not be kept; likewise. */
  tidy(): Promise<void>
  /** Whether hints of other nodes arrive; null when there is nobody to listen to. */
  readonly isListening: boolean | null
  /** Serves on the configured port and answers the address. */
  listen(): Promise<string>
  close(): Promise<void>
}

/** Joins everything: opens and migrates the database, then builds the ports and the server. */
export async function compose(config: Config, overrides: Overrides = {}): Promise<App> {
  const clock = overrides.clock ?? { now: () => new Date() }
  const log = overrides.log ?? pino({ level: config.LOG_LEVEL })
  const undo: (() => Promise<void> | void)[] = []
  /** Every step is tried, whatever became of those before; a database that does not answer holds up none of them for long. */
  const close = async (): Promise<void> => {
    const deadline = performance.now() + closingMs
    for (const step of undo.splice(0).reverse()) {
      const late = pause(Math.max(100, deadline - performance.now()), undefined, { ref: false })
      await Promise.race([Promise.resolve().then(step), late]).catch((error: Error) => log.warn({ error: error.name }, 'a step of stopping failed'))
    }
  }
  try {
    const database = await openDatabase(config, overrides.onStatement, undo)
    await database.migrate()
    const { peppers, keks } = await readKeySecrets(config, database)
    const digests = createDigests(peppers)
    const seals = createSeals(keks)
    const stores = createStores(database.client)
    await requireFingerprint(database.client, 'pepper', digests.pepperIds, await stores.keys.pepperIds())
    await requireFingerprint(database.client, 'kek', seals.kekIds, await stores.secrets.kekIds())
    const metrics = createMetrics(clock)
    const live = { ...stores, clock, log, metrics: metrics.port, eventRetentionDays: config.EVENT_RETENTION_DAYS }
    const hub = createHub(live, isTransient)
    const verifyToken = createVerifyToken(config, clock, log)
    const authenticating = { verifyToken, organizationClaim: config.AUTH_ORG_CLAIM }
    let wakeUp = noWakeUp
    const nodes = nodeStore(database.client)
    const ports: Ports = {
      ...live,
      hub,
      digests,
      seals,
      cursors: createCursors(peppers, () => digests.currentId),
      change: createChange(database, clock, {
        changed: (organizationId, version) => {
          hub.changed(organizationId, version)
          wakeUp.changed(organizationId, version)
        },
      }),
      authenticate: createAuthenticate({ ...authenticating, members: stores.members }),
      authenticateLive: createAuthenticate({ ...authenticating, members: createMemberships(stores.members, hub) }),
      propagate: () => propagate(nodes, log),
      refused: createRefused(log, metrics.port),
      randomBytes,
      maxKeyLifetimeDays: config.MAX_KEY_LIFETIME_DAYS,
    }
    const lastUses = createLastUses(stores.keys)
    const sweep = async (): Promise<void> => {
      await expireKeys(ports)
      await lastUses.flush()
    }
    const tidy = async (): Promise<void> => {
      await rememberFingerprint(database.client, 'pepper', digests.currentId)
      await rememberFingerprint(database.client, 'kek', seals.currentId)
      while ((await rewrapSecrets(ports)) > 0);
      const now = clock.now()
      await ports.keys.forget(now)
      if (config.AUDIT_RETENTION_DAYS !== null) await ports.events.deleteBefore(new Date(now.getTime() - config.AUDIT_RETENTION_DAYS * dayMs))
    }
    const listen = async (): Promise<string> => {
      const nodeId = randomUUID()
      let serving = true
      const health = {
        problem: async () =>
          serving
            ? Promise.race([database.client.$queryRaw`SELECT 1`.then(() => null), pause(2_000, 'the database does not answer', { ref: false })]).catch(
                () => 'the database does not answer',
              )
            : 'the server is stopping',
        warnings: () => (wakeUp.isListening === false ? ['the connection that listens for changes of other nodes is gone: they are seen by polling'] : []),
      }
      const graphql = createGraphQLServer(ports, { production: config.production, allowedOrigins: config.ALLOWED_ORIGINS })
      const verification = createVerificationRoute(ports, lastUses, config.GATEWAY_TOKEN)
      const streams = createStreams(config.WS_MAX_SOCKETS_PER_MEMBER)
      const events = createEventsRoute(graphql, streams)
      const server = createHttpServer({ graphql, events, verification, health, metrics, production: config.production, allowedOrigins: config.ALLOWED_ORIGINS })
      const sockets = attachWebSocket(server, graphql, streams, {
        allowedOrigins: config.ALLOWED_ORIGINS,
        subscriptionsPerSocket: config.WS_MAX_SUBSCRIPTIONS_PER_SOCKET,
        messagesPerMinute: config.WS_MAX_MESSAGES_PER_MINUTE,
        frameBytes: config.WS_MAX_FRAME_BYTES,
      })
      const listenUrl = config.DATABASE_LISTEN_URL ?? config.DATABASE_URL
      if (listenUrl !== undefined && listenUrl !== 'off') wakeUp = createWakeUp(listenUrl, hub, log, metrics.port)
      metrics.start({
        sockets: () => sockets.size,
        streams: () => events.size,
        subscriptions: () => hub.size,
        groups: () => hub.groups,
        isListening: () => wakeUp.isListening,
      })
      undo.push(() => wakeUp.close())
      const beat = async (): Promise<void> => {
        const known = await nodes.beat(nodeId, [...digests.pepperIds, ...seals.kekIds])
        digests.agree(known)
        seals.agree(known)
      }
      await beat()
      undo.push(async () => void (await nodes.leave(nodeId)))
      for (const [everyMs, task] of [
        [500, createPoller(hub, ports.organizations.versions)],
        [500, sweep],
        [60_000, tidy],
        [1_000, beat],
      ] as const) {
        const repeater = createRepeater(everyMs, task, log)
        undo.push(() => repeater.stop())
      }
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ port: config.PORT, host: config.HOST, backlog }, resolve))
      undo.push(async () => {
        serving = false
        const closed = new Promise<void>((resolve) => server.close(() => resolve()))
        events.close()
        // Requests under way get this long.
        const impatience = setTimeout(() => server.closeAllConnections(), 5_000)
        server.closeIdleConnections()
        await Promise.all([sockets.close(), closed])
        clearTimeout(impatience)
        await lastUses.flush()
      })
      const { address, port, family } = server.address() as AddressInfo
      return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
    }
    return {
      ports,
      database,
      config,
      sweep,
      tidy,
      listen,
      close,
      get isListening() {
        return wakeUp.isListening
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function openDatabase(config: Config, onStatement: OnStatement | undefined, undo: (() => Promise<void> | void)[]): Promise<Database> {
  if (config.DATABASE_URL === undefined) {
    const lock = lockFolder(config.DATA_DIR)
    undo.push(() => lock.release())
    const database = await openPGlite(databaseFolder(config.DATA_DIR), onStatement)
    undo.push(() => database.close())
    return database
  }
  const database = openPostgres(config.DATABASE_URL, undefined, onStatement, config.DATABASE_LISTEN_URL !== undefined)
  undo.push(() => database.close())
  return database
}
