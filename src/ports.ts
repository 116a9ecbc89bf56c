import type { Actor, Authenticate, Identify } from './access/actor.ts'
import type { Scope } from './access/scope.ts'
import type { AppStore } from './apps/store.ts'
import type { Cursors } from './crypto/cursor.ts'
import type { Digests } from './crypto/digest.ts'
import type { Seals } from './crypto/seal.ts'
import type { ErrorCode } from './errors.ts'
import type { NewEvent } from './events/model.ts'
import type { EventStore } from './events/store.ts'
import type { InstanceStore } from './instances/store.ts'
import type { KeyStore } from './keys/store.ts'
import type { MemberStore } from './members/store.ts'
import type { OrganizationStore } from './organizations/store.ts'
import type { SecretStore } from './secrets/store.ts'
import type { LiveOperation, Subscriber } from './topic.ts'

/**
 * The stores of all features, over the outer client or over one transaction. Their types are those of the stores themselves: written down once
 * more here, each method would stand in two places, and nobody else makes a store.
 */
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

export interface NewOrganization {
  readonly id: string
  readonly slug: string
  readonly name: string
}

/**
 * The one way to change anything: locks the organization's row, runs `body` in later statements, numbers its events, commits,
 * then wakes the hub. `body` throws to undo everything. A new organization is made first, in the same transaction; CONFLICT if its slug is taken.
 */
export type Change = <Answer>(organization: string | NewOrganization, body: (locked: Locked) => Promise<Answer>) => Promise<Answer>

/** What a look finds where there is nothing to change: this is the answer, and needs no lock. */
export class Unchanged<Answer> {
  readonly answer: Answer

  constructor(answer: Answer) {
    this.answer = answer
  }
}

/**
 * A change that a member asks for. `look` throws what refuses it, and answers what it found. It reads only, and runs twice: without the lock, with
 * the role that the member was authenticated with, so that who is refused holds up nobody; then under the lock, with the role that they have
 * now, and what it finds there holds until the commit. `body` gets that alone. Where a look finds `Unchanged`, no body runs.
 */
export type ChangeBy = <Seen, Answer>(
  actor: Actor,
  look: (stores: Stores, scope: Scope) => Promise<Seen | Unchanged<Answer>>,
  body: (locked: Locked, scope: Scope, seen: Seen) => Promise<Answer>,
) => Promise<Answer>

/** Time of day; the test's clock is set by hand. */
export interface Clock {
  now(): Date
}

/** Everything that is live on this node: who follows what, and what they get. */
export interface Hub {
  /** The organization has this version now: a change of this node's own, called after the commit. */
  changed(organizationId: string, version: bigint): void
  /** Another node says so; it may be wrong, or nobody. */
  hinted(organizationId: string, version: bigint): void
  /** Hints may have been missed. */
  hintedAll(): void
  /** The versions of all organizations that are followed here, no older than `askedAt` (as of `performance.now()`). */
  polled(rows: readonly { id: string; version: bigint }[], askedAt: number): void
  /** The organizations that somebody follows here. */
  followed(): string[]
  /** How many subscriptions are open, and how many groups they form. */
  readonly size: number
  readonly groups: number
  /**
   * Starts to deliver to the subscriber, who gets what is there at once; answers how to leave. Throws UNAUTHENTICATED, FORBIDDEN or NOT_FOUND
   * when its actor may not follow this, RESYNC when the past that it wants is not all there.
   */
  join(operation: LiveOperation, subscriber: Subscriber): Promise<() => void>
  /** The member's scope, from memory when their organization is followed; null when they are none. */
  scopeOf(actor: Pick<Actor, 'organizationId' | 'memberId'>): Promise<Scope | null>
  /** Calls `end` within a second once the member is removed, wherever; answers how to stop. Throws UNAUTHENTICATED when they are already. */
  watch(actor: Actor, end: () => void): Promise<() => void>
}

/** What is counted while it happens. */
export interface Metrics {
  delivered(answers: number): void
  conflated(): void
  /** How long ago what is delivered now occurred. */
  lag(occurredAt: Date | null): void
  /** A socket or a stream ended: with its close code, or why it was ended from here. */
  closed(reason: string): void
  /** Somebody asked for what they have no right to, as often as `count`. */
  refused(code: ErrorCode, count: number): void
  /** Somebody was over a limit. */
  rateLimited(limit: RateLimit | SizeLimit): void
  /** Something failed that was no fault of the caller. */
  failed(code: ErrorCode): void
  /** Lines were not written, since others like them were. */
  linesLeftOut(count: number): void
  /** A hint on the channel between the nodes was none. */
  hintDropped(): void
  /** A verification was answered with this code. */
  verified(code: string): void
  /** A verification was not decided, for this reason. */
  undecided(reason: string): void
  /** A statement was sent for the verifications that wait in this lane. */
  lookedUp(lane: string, ids: number): void
  /** A verification that asked the database took so many milliseconds. */
  asked(ms: number): void
}

/** What can be done only so often in a minute: by one member, or from one address. */
export type RateLimit = 'failed_credentials' | 'wrong_gateway_tokens' | 'key_creations' | 'secret_reveals' | 'secret_name_conflicts'
/** What can only be open so often at once. */
export type SizeLimit = 'operations_per_socket' | 'streams_per_member' | 'operations_waiting'

/** Counts on this node what `who` does, a member or an address. */
export interface RateLimits {
  /** Counts one more; throws RATE_LIMITED when the minute has no room for it. */
  spend(limit: RateLimit, who: string): Promise<void>
  /** Counts nothing; throws RATE_LIMITED when the minute has no room for another. */
  requireLeft(limit: RateLimit, who: string): Promise<void>
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
  /** For work that no member asks for; who has an actor takes `changeBy`. */
  readonly change: Change
  readonly changeBy: ChangeBy
  readonly clock: Clock
  readonly hub: Hub
  readonly metrics: Metrics
  readonly digests: Digests
  readonly seals: Seals
  readonly cursors: Cursors
  readonly identify: Identify
  readonly authenticate: Authenticate
  /** The same for what stays open, from memory where the hub knows: clients that come back all at once cost few statements. */
  readonly authenticateLive: Authenticate
  /** Answers once every serving node refuses what was just denied. */
  readonly propagate: () => Promise<Propagation>
  readonly randomBytes: (size: number) => Uint8Array
  readonly maxKeyLifetimeDays: number
  /** How far back a feed can resume. */
  readonly eventRetentionDays: number
  readonly rateLimits: RateLimits
  /** Writes down that somebody was refused something, and as often as `count`: at which field, and who; unless told, whoever sent the request under way. */
  readonly refused: (code: ErrorCode, field: string | undefined, more?: { count?: number; by?: Pick<Actor, 'memberId' | 'organizationId'> }) => void
  /** Lines of one cause and caller are written so often in a minute, then counted. */
  readonly log: Log
}
