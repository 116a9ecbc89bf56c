import type { Actor, Authenticate, Identify, Recognize } from './access/actor.ts'
import type { Scope } from './access/scope.ts'
import type { AppStore } from './apps/store.ts'
import type { Codes } from './crypto/code.ts'
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
import type { SessionStore } from './sessions/store.ts'
import type { Sql } from './store/client.ts'
import type { LiveOperation, Subscriber } from './topic.ts'

/**
 * The stores of all features, over the outer client or over one transaction. The types come from the stores themselves: an interface here
 * would repeat each method, and there is no other implementation.
 */
export interface Stores {
  readonly organizations: OrganizationStore
  readonly members: MemberStore
  readonly apps: AppStore
  readonly instances: InstanceStore
  readonly keys: KeyStore
  readonly secrets: SecretStore
  readonly events: EventStore
  readonly sessions: SessionStore
}

/** The inside of one change: the organization is locked, and what is read here holds until the commit. */
export interface Locked extends Stores {
  /** The time of the change, for its rows and its events; known once the lock is held. */
  readonly now: Date
  /** Adds an event; its version is set at the end, in the order of the calls. */
  record(event: NewEvent): void
  /** Writes at the end, in one statement with the events: these see no rows of each other, only their constraints do. */
  write(...statements: readonly Sql[]): void
}

export interface NewOrganization {
  readonly id: string
  readonly slug: string
  readonly name: string
}

/**
 * The only way to change data: locks the organization's row, runs `body` in later statements, numbers its events, commits,
 * then wakes the hub. `body` throws to roll back. A new organization is inserted first, in the same transaction; throws CONFLICT if its slug is taken.
 * With `isAhead` the body starts before the lock is held: its statements are sent behind the one that locks, in the same round trip. What it sends
 * before one was answered only reads.
 */
export type Change = <Answer>(organization: string | NewOrganization, body: (locked: Locked) => Promise<Answer>, isAhead?: boolean) => Promise<Answer>

/** `look` returns this if there is nothing to change: it holds the answer, which needs no lock. */
export class Unchanged<Answer> {
  readonly answer: Answer

  constructor(answer: Answer) {
    this.answer = answer
  }
}

/**
 * A change that a member requests. `look` throws to refuse it, and returns what it found. It only reads, and runs twice: first without the lock,
 * with the role that the member was authenticated with, so that a refused member blocks no one; then under the lock, with the current role,
 * and what it finds there holds until the commit. `body` gets only that. If `look` returns `Unchanged`, `body` does not run.
 */
export type ChangeBy = <Seen, Answer>(
  actor: Actor,
  look: (stores: Stores, scope: Scope) => Promise<Seen | Unchanged<Answer>>,
  body: (locked: Locked, scope: Scope, seen: Seen) => Promise<Answer>,
) => Promise<Answer>

/** Time of day; tests set their clock by hand. */
export interface Clock {
  now(): Date
}

/** All subscriptions and sockets on this node: what they follow, and what they get. */
export interface Hub {
  /** The organization has this version now, by a change of this node; called after the commit. */
  changed(organizationId: string, version: bigint): void
  /** A hint says so; it may be wrong, or not from a node. */
  hinted(organizationId: string, version: bigint): void
  /** Hints may have been missed. */
  hintedAll(): void
  /** The versions of all organizations that are followed here, no older than `askedAt` (as of `performance.now()`). */
  polled(rows: readonly { id: string; version: bigint }[], askedAt: number): void
  /** The organizations that are followed here. */
  followed(): string[]
  /** How many subscriptions are open, and how many groups they form. */
  readonly size: number
  readonly groups: number
  /**
   * Starts to deliver to the subscriber, first what exists now; returns a function to leave. Throws UNAUTHENTICATED, FORBIDDEN or NOT_FOUND
   * if its actor may not follow this, RESYNC if past events that it wants are missing.
   */
  join(operation: LiveOperation, subscriber: Subscriber): Promise<() => void>
  /** The member's scope, from memory if their organization is followed; null if they are no member. */
  scopeOf(actor: Pick<Actor, 'organizationId' | 'memberId'>): Promise<Scope | null>
  /** Calls `end` within a second after the member is removed, on any node; returns a function to stop. Throws UNAUTHENTICATED if they already are. */
  watch(actor: Actor, end: () => void): Promise<() => void>
}

/** What is open on this node with a session's cookie: it closes when the session ends. */
export interface OpenSessions {
  /** Calls `end` once the session has ended, within a second on any node; returns a function to stop. */
  watch(id: string, end: () => void): () => void
  /** Something was asked over what is open: that is a use of the session. */
  used(id: string): void
  /** These were ended here. */
  ended(ids: readonly string[]): void
  /** Looks which have ended meanwhile, and writes which were used. */
  check(): Promise<void>
}

/** What is counted as it happens. */
export interface Metrics {
  delivered(answers: number): void
  conflated(): void
  /** How long ago the event delivered now occurred. */
  lag(occurredAt: Date | null): void
  /** A socket or a stream ended: its close code, or why this node ended it. */
  closed(reason: string): void
  /** A caller was refused with this code, `count` times. */
  refused(code: ErrorCode, count: number): void
  /** A caller was over a limit. */
  rateLimited(limit: RateLimit | SizeLimit): void
  /** Something failed, and the caller did not cause it. */
  failed(code: ErrorCode): void
  /** Log lines were left out, since similar ones were written. */
  linesLeftOut(count: number): void
  /** A message on the channel between the nodes was no hint. */
  hintDropped(): void
  /** A query was answered: by an answer that was kept, or by an execution. */
  answered(by: 'kept' | 'executed'): void
  /** A verification returned this code. */
  verified(code: string): void
  /** A verification was not decided, for this reason. */
  undecided(reason: string): void
  /** A statement was sent for the verifications that wait in this lane. */
  lookedUp(lane: string, ids: number): void
  /** A verification that read the database took this many milliseconds. */
  asked(ms: number): void
}

/** What one member or one address may do only so often in a minute. */
export type RateLimit = 'failed_credentials' | 'wrong_gateway_tokens' | 'key_creations' | 'secret_reveals' | 'secret_name_conflicts'
/** What may be open only so often at once. */
export type SizeLimit = 'operations_per_socket' | 'streams_per_member' | 'operations_waiting'

/** Counts on this node what `who` (a member or an address) does. */
export interface RateLimits {
  /** Counts one more; throws RATE_LIMITED if that exceeds the minute's limit. */
  spend(limit: RateLimit, who: string): Promise<void>
  /** Counts nothing; throws RATE_LIMITED if one more exceeds the minute's limit. */
  requireLeft(limit: RateLimit, who: string): Promise<void>
}

/** How far a change had spread when its response was sent. */
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
  /** For work that no member requests; code with an actor uses `changeBy`. */
  readonly change: Change
  readonly changeBy: ChangeBy
  readonly clock: Clock
  readonly hub: Hub
  readonly metrics: Metrics
  readonly digests: Digests
  readonly seals: Seals
  readonly cursors: Cursors
  /** Null with an identity provider. */
  readonly codes: Codes | null
  readonly openSessions: OpenSessions
  readonly identify: Identify
  readonly recognize: Recognize
  readonly authenticate: Authenticate
  /** The same for connections that stay open, from memory if the hub knows: clients that all reconnect cost few statements. */
  readonly authenticateLive: Authenticate
  /** Resolves once every serving node refuses what was just denied. */
  readonly propagate: () => Promise<Propagation>
  readonly randomBytes: (size: number) => Uint8Array
  readonly maxKeyLifetimeDays: number
  /** How far back a feed can resume. */
  readonly eventRetentionDays: number
  readonly rateLimits: RateLimits
  /** Logs and counts a refusal, `count` times: the field and the member; without `by`, the sender of the current request. */
  readonly refused: (code: ErrorCode, field: string | undefined, more?: { count?: number; by?: Pick<Actor, 'memberId' | 'organizationId'> }) => void
  /** Writes only so many lines of one cause and caller in a minute, then counts them. */
  readonly log: Log
}
