import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { type Callers, createAuthenticate, createCallers, createIdentify } from './authentication/authenticate.ts'
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
import { type CallerStore, callerStore } from './members/store.ts'
import { propagate } from './nodes/propagate.ts'
import { type NodeStore, nodeStore } from './nodes/store.ts'
import type { Clock, Log, Ports } from './ports.ts'
import { createSampledLog, type SampledLog } from './server/log-lines.ts'
import { createMetrics, type NodeMetrics } from './server/metrics.ts'
import { createRateLimits } from './server/rate-limits.ts'
import { createRefused, limitFailures } from './server/request.ts'
import { createTroubles, type Troubles } from './server/troubles.ts'
import { openServerSecrets, openTokens, readAuthSecret } from './server-secrets.ts'
import { type Database, type OnStatement, openPGlite, openPostgres } from './store/client.ts'
import { databaseFolder } from './store/data-folder.ts'
import { isTransient } from './store/failures.ts'
import { type LockTimes, lockFolder, lockTimes } from './store/folder-lock.ts'
import { installationId } from './store/installation.ts'
import { makeSearchIndexes } from './store/search-index.ts'
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
  readonly lockTimes?: LockTimes
}

export interface App extends Jobs {
  readonly ports: Ports
  readonly database: Database
  readonly config: Config
  readonly metrics: NodeMetrics
  readonly nodes: NodeStore
  /** What verification reads. */
  readonly verification: VerificationStore
  /** What authentication reads. */
  readonly callers: CallerStore
  readonly lastUses: LastUses
  readonly rehashes: Rehashes
  readonly lines: SampledLog
  /** What the database refused lately. */
  readonly troubles: Troubles
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

/** What callers send to say who they are: tokens, cookies and the codes of links; and who of the members that is. */
function openCredentials(
  config: Config,
  stores: Pick<Ports, 'sessions' | 'members' | 'organizations'> & Pick<App, 'callers'>,
  { clock, log, rateLimits, hub, findSession }: Pick<Ports, 'clock' | 'log' | 'rateLimits' | 'hub'> & Pick<App, 'findSession'>,
): Pick<Ports, 'identify' | 'recognize' | 'authenticate' | 'authenticateLive' | 'codes' | 'openSessions'> {
  const { AUTH_ORG_CLAIM: organizationClaim } = config
  const byToken = createIdentify({
    tokens: openTokens(config, clock, log),
    organizationClaim,
    defaultOrganization: config.AUTH_DEFAULT_ORGANIZATION ?? null,
    now: () => clock.now(),
  })
  const authenticateBy = (callers: Callers) => limitFailures(createAuthenticate({ organizationClaim, callers }), rateLimits)
  const authenticateLive = authenticateBy(createMemberships(stores.members, stores.organizations, hub))
  return {
    identify: limitFailures(createIdentifyAny(byToken.identify, findSession), rateLimits),
    recognize: byToken.recognize,
    authenticate: authenticateBy(createCallers(stores.callers)),
    // Shared by all clients that reconnect at once: if one disconnects, the others continue.
    authenticateLive: (identity) => runForAll(() => authenticateLive(identity)),
    codes: config.provider ? null : createCodes(readAuthSecret(config)),
    openSessions: createOpenSessions(stores.sessions, clock),
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
    const { database, check, troubles } = await openDatabase(config, overrides, { lines, clock }, undo)
    await database.migrate()
    await makeSearchIndexes(database, (message) => log.warn({}, message))
    const stores = createStores(database)
    const installation = await installationId(database.client)
    const keyed = await openServerSecrets(config, database, stores)
    const live = { ...stores, clock, log, metrics: metrics.port, eventRetentionDays: config.EVENT_RETENTION_DAYS }
    const hub = createHub(live, isTransient)
    const rateLimits = createRateLimits(config, clock, metrics.port)
    const listeners: Parameters<App['onChange']>[0][] = [hub.changed]
    const ownMark = database.kind === 'pglite' ? createOwnMark(check) : null
    const change = createChange(database, clock, {
      denied: () => ownMark?.move(),
      changed: (organizationId, version) => {
        for (const listener of listeners) listener(organizationId, version)
      },
    })
    const findSession = createFindSession(stores.sessions, clock)
    const nodes = nodeStore(database.client)
    const callers = callerStore(database)
    const ports: Ports = {
      ...live,
      hub,
      ...keyed,
      change,
      changeBy: createChangeBy(stores, change),
      ...openCredentials(config, { ...stores, callers }, { clock, log, rateLimits, hub, findSession }),
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
    const rehashes = createRehashes(keyed.digests, verification)
    const jobs = createJobs({ ports, database, config, verification, lastUses, rehashes })
    return {
      ports,
      database,
      config,
      metrics,
      nodes,
      verification,
      callers,
      lastUses,
      rehashes,
      lines,
      troubles,
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

/** `check` ends the process if another one has taken the embedded database. */
async function openDatabase(
  config: Config,
  overrides: Overrides,
  { lines: log, clock }: { lines: SampledLog; clock: Clock },
  undo: Undo[],
): Promise<{ database: Database; check(): void; troubles: Troubles }> {
  const troubles = createTroubles(clock, log)
  const told = { onStatement: overrides.onStatement, onFailure: troubles.note }
  if (config.DATABASE_URL === undefined) {
    const { check, release } = await lockFolder(config.DATA_DIR, {
      times: overrides.lockTimes ?? lockTimes,
      waiting: (message) => log.warn({}, message),
      lost: (message) => {
        log.error({}, message)
        // At once, and without what closing the app would write.
        log.close()
        process.exit(1)
      },
    })
    undo.push(release)
    const database = await openPGlite(databaseFolder(config.DATA_DIR), { ...told, check })
    undo.push(() => database.close())
    return { database, check, troubles }
  }
  const database = openPostgres(config.DATABASE_URL, {
    ...told,
    pooled: config.DATABASE_LISTEN_URL !== undefined,
    operationMs: config.OPERATION_TIMEOUT_MS,
  })
  undo.push(() => database.close())
  return { database, check: () => {}, troubles }
}
