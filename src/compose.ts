import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { createAuthenticate, createIdentify } from './authentication/authenticate.ts'
import { createMemberships } from './authentication/memberships.ts'
import { createOpenSessions } from './authentication/open-sessions.ts'
import { createFindSession, createIdentifyAny, type FindSession } from './authentication/sessions.ts'
import { createChange } from './change/change.ts'
import { createChangeBy } from './change/change-by.ts'
import { createStores } from './change/stores.ts'
import type { Config } from './config.ts'
import { createCodes } from './crypto/code.ts'
import { createJobs, type Jobs } from './jobs.ts'
import { createHub } from './live/hub.ts'
import { propagate } from './nodes/propagate.ts'
import { type NodeStore, nodeStore } from './nodes/store.ts'
import type { Clock, Log, Ports } from './ports.ts'
import { createSampledLog, type SampledLog } from './server/log-lines.ts'
import { createMetrics, type NodeMetrics } from './server/metrics.ts'
import { createRateLimits } from './server/rate-limits.ts'
import { createRefused, limitFailures } from './server/request.ts'
import { createVerifyToken, openServerSecrets, readAuthSecret } from './server-secrets.ts'
import { type Database, isTransient, type OnStatement, openPGlite, openPostgres } from './store/client.ts'
import { databaseFolder, lockFolder } from './store/data-folder.ts'
import { installationId } from './store/installation.ts'
import { currentWork, runForAll } from './store/work.ts'
import { createLastUses, type LastUses } from './verification/last-uses.ts'
import { createOwnMark, type OwnMark } from './verification/marks.ts'
import { createRehashes, type Rehashes } from './verification/rehashes.ts'
import { type VerificationStore, verificationStore } from './verification/store.ts'

/** Stopping takes at most this long and a moment: SIGKILL follows SIGTERM, mostly after ten seconds. */
const closingMs = 8_500

/** What a test replaces. */
export interface Overrides {
  readonly clock?: Clock
  readonly log?: Log
  readonly onStatement?: OnStatement
}

export interface App extends Jobs {
  readonly ports: Ports
  readonly database: Database
  readonly config: Config
  readonly metrics: NodeMetrics
  readonly nodes: NodeStore
  /** What verification reads. */
  readonly verification: VerificationStore
  readonly lastUses: LastUses
  readonly rehashes: Rehashes
  readonly lines: SampledLog
  readonly findSession: FindSession
  /** Names this installation in its cookies. */
  readonly installation: string
  /** The mark of the process that owns the embedded database; null if nodes share one. */
  readonly ownMark: OwnMark | null
  /** Calls `listener` after each commit of a change. */
  onChange(listener: (organizationId: string, version: bigint) => void): void
  /** Closing runs the steps in reverse order. */
  onClose(step: () => Promise<void> | void): void
  close(): Promise<void>
}

type Undo = () => Promise<void> | void

/** Tries every step, even after one failed; a database that does not respond delays no step for long. */
async function takeBack(undo: Undo[], log: Log): Promise<void> {
  const deadline = performance.now() + closingMs
  for (const step of undo.splice(0).reverse()) {
    const late = pause(Math.max(100, deadline - performance.now()), undefined, { ref: false })
    await Promise.race([Promise.resolve().then(step), late]).catch((error: Error) => log.warn({ error: error.name }, 'a step of stopping failed'))
  }
}

/** What callers send to say who they are: tokens, cookies and the codes of links. */
function openCredentials(
  config: Config,
  { sessions }: Pick<Ports, 'sessions'>,
  { clock, log, rateLimits, findSession }: Pick<Ports, 'clock' | 'log' | 'rateLimits'> & Pick<App, 'findSession'>,
): Pick<Ports, 'identify' | 'codes' | 'openSessions'> {
  const byToken = createIdentify({
    verifyToken: createVerifyToken(config, clock, log),
    organizationClaim: config.AUTH_ORG_CLAIM,
    defaultOrganization: config.AUTH_DEFAULT_ORGANIZATION ?? null,
    now: () => clock.now(),
  })
  return {
    identify: limitFailures(createIdentifyAny(byToken, findSession), rateLimits),
    codes: config.provider ? null : createCodes(readAuthSecret(config)),
    openSessions: createOpenSessions(sessions, clock),
  }
}

/** Joins everything: opens and migrates the database, then builds the ports. `listen` of listen.ts adds the transports. */
export async function compose(config: Config, overrides: Overrides = {}): Promise<App> {
  const clock = overrides.clock ?? { now: () => new Date() }
  const metrics = createMetrics(clock)
  const lines = createSampledLog(overrides.log ?? pino({ level: config.LOG_LEVEL }), clock, metrics.port)
  const log: Log = lines
  const undo: Undo[] = [lines.close]
  const close = (): Promise<void> => takeBack(undo, log)
  try {
    const database = await openDatabase(config, overrides.onStatement, undo)
    await database.migrate()
    const stores = createStores(database.client)
    const installation = await installationId(database.client)
    const { digests, seals, cursors } = await openServerSecrets(config, database, stores)
    const live = { ...stores, clock, log, metrics: metrics.port, eventRetentionDays: config.EVENT_RETENTION_DAYS }
    const hub = createHub(live, isTransient)
    const { AUTH_ORG_CLAIM: organizationClaim } = config
    const rateLimits = createRateLimits(config, clock, metrics.port)
    const listeners: Parameters<App['onChange']>[0][] = [hub.changed]
    const ownMark = database.kind === 'pglite' ? createOwnMark() : null
    const change = createChange(database, clock, {
      denied: () => ownMark?.move(),
      changed: (organizationId, version) => {
        for (const listener of listeners) listener(organizationId, version)
      },
    })
    const findSession = createFindSession(stores.sessions, clock)
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
      cursors,
      change,
      changeBy: createChangeBy(stores, change),
      ...openCredentials(config, stores, { clock, log, rateLimits, findSession }),
      authenticate: limitFailures(createAuthenticate({ organizationClaim, members: stores.members }), rateLimits),
      // Shared by all clients that reconnect at once: if one disconnects, the others continue.
      authenticateLive: (identity) => runForAll(() => authenticateLive(identity)),
      propagate: () => {
        // While it waits for the other nodes, no other operation waits for it.
        currentWork()?.leaveQueue()
        return propagate(nodes, log, ownMark)
      },
      rateLimits,
      refused: createRefused(log, metrics.port),
      randomBytes,
      maxKeyLifetimeDays: config.MAX_KEY_LIFETIME_DAYS,
    }
    const lastUses = createLastUses(stores.keys)
    const verification = verificationStore(database)
    const rehashes = createRehashes(digests, verification)
    const jobs = createJobs({ ports, database, config, verification, lastUses, rehashes })
    return {
      ports,
      database,
      config,
      metrics,
      nodes,
      verification,
      lastUses,
      rehashes,
      lines,
      ownMark,
      findSession,
      installation,
      ...jobs,
      onChange: (listener) => void listeners.push(listener),
      onClose: (step) => void undo.push(step),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function openDatabase(config: Config, onStatement: OnStatement | undefined, undo: Undo[]): Promise<Database> {
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
