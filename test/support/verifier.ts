import { createGateway } from '../../src/server/gateway.ts'
import type { Readings } from '../../src/server/metrics.ts'
import { createMetrics } from '../../src/server/metrics.ts'
import type { Route } from '../../src/server/route.ts'
import { verifyRoute } from '../../src/server/verification.ts'
import { createKeyCache, type KeyCache } from '../../src/verification/cache.ts'
import { createLookups, type Lookups } from '../../src/verification/lookups.ts'
import { createHands, createMarks } from '../../src/verification/marks.ts'
import type { VerificationStore } from '../../src/verification/store.ts'
import { createVerifier, type Verifier } from '../../src/verification/verifier.ts'
import type { TestServer } from './server.ts'

/** Verification as a node that shares its database has it, on either store, with reads that a test can hold. */
export interface TestVerification {
  readonly verifier: Verifier
  readonly lookups: Lookups
  readonly cache: KeyCache
  readonly route: Route
  metrics(): Promise<string>
}

interface Options {
  readonly store?: Partial<VerificationStore>
  /** For how long a mark may be used, in milliseconds; 0 unless given: every key in memory costs a statement for its mark. */
  readonly allowedMs?: number
  readonly maxEntries?: number
  readonly digests?: TestServer['app']['ports']['digests']
}

const none = (): number => 0
const readings = {
  sockets: none,
  streams: none,
  subscriptions: none,
  groups: none,
  keptAnswers: () => 0,
  keptAnswersBytes: () => 0,
  operationsRunning: none,
  operationsWaiting: none,
  isListening: () => null,
  keysPerPepper: () => null,
  memory: () => null,
}

export function createVerification(server: TestServer, { store, allowedMs = 0, maxEntries = 100_000, digests }: Options = {}): TestVerification {
  const { ports, verification } = server.app
  const metrics = createMetrics(ports.clock)
  const hands = createHands()
  const moment = () => ({ mono: performance.now(), wall: ports.clock.now().getTime() })
  const ground = { store: { ...verification, ...store }, hands, moment, ownMark: null }
  // No statement is given up: how long the test holds it is up to the machine.
  const lookups = createLookups(ground, { log: ports.log, metrics: metrics.port }, 600_000)
  const cache = createKeyCache(maxEntries, 128_000_000)
  const verifier = createVerifier({
    digests: digests ?? ports.digests,
    moment,
    cache,
    marks: createMarks(hands, lookups.marks, allowedMs),
    lookups,
    rehashes: { used: () => undefined },
  })
  metrics.start({ ...readings, waiting: lookups.waiting } satisfies Readings)
  const gateway = createGateway({
    ports: { ...ports, metrics: metrics.port },
    verifier,
    lastUses: { used: () => undefined },
    gatewayToken: undefined,
    addressOf: () => 'somewhere',
  })
  return { verifier, lookups, cache, route: verifyRoute(gateway), metrics: metrics.text }
}
