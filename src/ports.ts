import type { Authenticate } from './access/actor.ts'
import type { AppStore } from './apps/store.ts'
import type { Cursors } from './crypto/cursor.ts'
import type { Digests } from './crypto/digest.ts'
import type { Seals } from './crypto/seal.ts'
import type { EventStore, NewEvent } from './events/store.ts'
import type { InstanceStore } from './instances/store.ts'
import type { KeyStore } from './keys/store.ts'
import type { MemberStore } from './members/store.ts'
import type { OrganizationStore } from './organizations/store.ts'
import type { SecretStore } from './secrets/store.ts'

/** The stores of all features, over the outer client or over one transaction. */
export interface Stores {
  readonly organizations: OrganizationStore
  readonly members: MemberStore
  readonly apps: AppStore
  readonly instances: InstanceStore
  readonly keys: KeyStore
  readonly secrets: SecretStore
  readonly events: EventStore
}

/** The inside of one change: the organization is locked, and whatever is read here holds until the commit. */
export interface Locked extends Stores {
  /** The time of the change, for its rows and its events alike. */
  readonly now: Date
  /** Adds an event; its version is given at the end, in the order of the calls. */
  record(event: NewEvent): void
}

/**
 * The one way to change anything: locks the organization's row, runs `body` in later statements, numbers its events, commits,
 * then wakes the hub. `body` throws to undo everything.
 */
export type Change = <Answer>(organizationId: string, body: (locked: Locked) => Promise<Answer>) => Promise<Answer>

/** Time of day; the test's clock is set by hand. */
export interface Clock {
  now(): Date
}

/** Wakes whoever watches an organization after a commit. */
export interface Hub {
  changed(organizationId: string): void
  /** Wakes everybody: something may have been missed. */
  changedAll(): void
  /** The organizations that somebody watches here. */
  watched(): string[]
  /** One tick at once and one after each change; ticks that nobody took are one. Ends with the signal. */
  ticks(organizationId: string, signal?: AbortSignal): AsyncIterableIterator<void>
  /** How many iterators are open. */
  readonly size: number
}

/** How far a change had reached when it was answered. */
export interface Propagation {
  readonly nodes: number
  readonly waitedMs: number
}

export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Everything a use case, a resolver or a route can need; each names what it uses with `Pick`. */
export interface Ports extends Stores {
  readonly change: Change
  readonly clock: Clock
  readonly hub: Hub
  readonly digests: Digests
  readonly seals: Seals
  readonly cursors: Cursors
  readonly authenticate: Authenticate
  /** Answers once every serving node refuses what was just denied. */
  readonly propagate: () => Promise<Propagation>
  readonly randomBytes: (size: number) => Uint8Array
  readonly maxKeyLifetimeDays: number
  /** How far back a feed can resume. */
  readonly eventRetentionDays: number
  readonly log: Log
}
