import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { createAuthenticate, createIdentify } from './authentication/authenticate.ts'
import { createMemberships } from './authentication/memberships.ts'
import { createProviderVerifier, createSecretVerifier, type VerifyToken } from './authentication/tokens.ts'
import { createChange } from './change/change.ts'
import { createChangeBy } from './change/change-by.ts'
import { createStores } from './change/stores.ts'
import { type Config, secretBytes } from './config.ts'
import { createCursors } from './crypto/cursor.ts'
import { createDigests } from './crypto/digest.ts'
import { createSeals } from './crypto/seal.ts'
import { expireKeys } from './keys/expire-keys.ts'
import { createHub } from './live/hub.ts'
import { propagate } from './nodes/propagate.ts'
import { type NodeStore, nodeStore } from './nodes/store.ts'
import type { Clock, Log, Ports } from './ports.ts'
import { reportFormat } from './secrets/report-format.ts'
import { rewrapSecrets } from './secrets/rewrap-secrets.ts'
import { createSampledLog, type SampledLog } from './server/log-lines.ts'
import { createMetrics, type NodeMetrics } from './server/metrics.ts'
import { createRateLimits } from './server/rate-limits.ts'
import { createRefused, limitFailures } from './server/request.ts'
import { type Database, isTransient, type OnStatement, openPGlite, openPostgres } from './store/client.ts'
import { BadSecretFile, databaseFolder, lockFolder, secretFile } from './store/data-folder.ts'
import { knownFingerprints, rememberFingerprint, requireFingerprint } from './store/fingerprints.ts'
import { currentWork, runForAll } from './store/work.ts'
import { dayMs } from './time.ts'
import { createLastUses, type LastUses } from './verification/last-uses.ts'

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
  readonly metrics: NodeMetrics
  readonly nodes: NodeStore
  readonly lastUses: LastUses
  readonly lines: SampledLog
  /** Moves what is due and writes what gathered; runs by itself once it listens. */
  sweep(): Promise<void>
  /** Re-wraps secrets under the current key-encryption key and format, and deletes what need not be kept; likewise. */
  tidy(): Promise<void>
  /** Calls it after each commit of a change. */
  onChange(listener: (organizationId: string, version: bigint) => void): void
  /** Steps of closing are taken in reverse order. */
  onClose(step: () => Promise<void> | void): void
  close(): Promise<void>
}

/** Joins everything: opens and migrates the database, then builds the ports. `listen` of listen.ts adds the transports. */
export async function compose(config: Config, overrides: Overrides = {}): Promise<App> {
  const clock = overrides.clock ?? { now: () => new Date() }
  const metrics = createMetrics(clock)
  const lines = createSampledLog(overrides.log ?? pino({ level: config.LOG_LEVEL }), clock, metrics.port)
  const log: Log = lines
  const undo: (() => Promise<void> | void)[] = [lines.close]
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
    const live = { ...stores, clock, log, metrics: metrics.port, eventRetentionDays: config.EVENT_RETENTION_DAYS }
    const hub = createHub(live, isTransient)
    const { AUTH_ORG_CLAIM: organizationClaim, AUTH_DEFAULT_ORGANIZATION: defaultOrganization = null } = config
    const verifyToken = createVerifyToken(config, clock, log)
    const rateLimits = createRateLimits(config, clock, metrics.port)
    const listeners: Parameters<App['onChange']>[0][] = [hub.changed]
    const change = createChange(database, clock, {
      changed: (organizationId, version) => {
        for (const listener of listeners) listener(organizationId, version)
      },
    })
    const nodes = nodeStore(database.client)
    const authenticateLive = limitFailures(
      createAuthenticate({ organizationClaim, members: createMemberships(stores.members, stores.organizations, hub) }),
      rateLimits,
    )
    const ports: Ports = {
      ...live,
      hub,
      digests,
      seals,
      cursors: createCursors(peppers, () => digests.currentId),
      change,
      changeBy: createChangeBy(stores, change),
      identify: limitFailures(createIdentify({ verifyToken, organizationClaim, defaultOrganization, now: () => clock.now() }), rateLimits),
      authenticate: limitFailures(createAuthenticate({ organizationClaim, members: stores.members }), rateLimits),
      // Shared by all who come back at the same time: nobody's end stops it for the others.
      authenticateLive: (identity) => runForAll(() => authenticateLive(identity)),
      propagate: () => {
        // What waits for the other nodes keeps no other operation waiting.
        currentWork()?.leaveQueue()
        return propagate(nodes, log)
      },
      rateLimits,
      refused: createRefused(log, metrics.port),
      randomBytes,
      maxKeyLifetimeDays: config.MAX_KEY_LIFETIME_DAYS,
    }
    const lastUses = createLastUses(stores.keys)
    const sweep = async (): Promise<void> => {
      await expireKeys(ports)
      await lastUses.flush()
    }
    let ofFormat1 = 0
    const tidy = async (): Promise<void> => {
      await rememberFingerprint(database.client, 'pepper', digests.currentId)
      await rememberFingerprint(database.client, 'kek', seals.currentId)
      await rewrapSecrets(ports)
      ofFormat1 = await reportFormat(ports, ofFormat1)
      const now = clock.now()
      await ports.keys.forget(now)
      if (config.AUDIT_RETENTION_DAYS !== null) await ports.events.deleteBefore(new Date(now.getTime() - config.AUDIT_RETENTION_DAYS * dayMs))
    }
    return {
      ports,
      database,
      config,
      metrics,
      nodes,
      lastUses,
      lines,
      sweep,
      tidy,
      onChange: (listener) => void listeners.push(listener),
      onClose: (step) => void undo.push(step),
      close,
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
  const database = openPostgres(config.DATABASE_URL, onStatement, {
    pooled: config.DATABASE_LISTEN_URL !== undefined,
    operationMs: config.OPERATION_TIMEOUT_MS,
  })
  undo.push(() => database.close())
  return database
}
