import type { Actor } from './access/actor.ts'
import { type Scope, scopeOfAll } from './access/scope.ts'
import type { Counts } from './keys/model.ts'

/** How many events a feed reads in one statement: the cost at once of a reader that is far behind. */
export const feedBatch = 100

/** What a subscription follows, and who may follow it. */
export interface Topic {
  /** Apps and instances that the member must see, else NOT_FOUND. */
  readonly subjectIds: readonly string[]
  /** The right that a member needs to follow it, else FORBIDDEN. */
  readonly right: (scope: Scope) => boolean
  /** Whether all members who may see the subjects see the same of them. */
  readonly sameForAll: boolean
  /** Counts of these organizations, apps and instances, only the newest of which matter; or events in order, after a version. */
  readonly source: { readonly kind: 'counts'; readonly ids: readonly string[] } | { readonly kind: 'feed'; readonly after: bigint | null }
}

/** Everything that is read and executed for one change. */
export interface Execution {
  /** At most `take` events above `after`, in order; row and scope in one statement. */
  read(after: bigint, upTo: bigint, take: number): Promise<{ version: bigint }[]>
  /** The response for these counts, as JSON. */
  ofCounts(changed: readonly Counts[]): Promise<string>
  /** The response for this event, as JSON. */
  ofEvent(row: { version: bigint }): Promise<string>
}

/** A client's subscription, checked and ready to run. */
export interface LiveOperation {
  readonly topic: Topic
  /** Equal for operations with equal responses for the same scope; null if a response depends on more and must not be shared. */
  readonly key: string | null
  /** Returns an execution with what `scope` sees and its own context, so that nothing is kept from the previous change. */
  under(scope: Scope): Execution
}

/** One client's end of a subscription, as its transport makes it. */
export interface Subscriber {
  readonly actor: Actor
  /** Sends a response; `version` is the version of its content. */
  send(json: string, version: bigint): void
  /** Whether so much waits for the client that nothing may be added. */
  readonly isBehind: boolean
  /** Resolves to true once everything was read, to false if the client is gone. */
  drained(): Promise<boolean>
  /** Sends the last response, with the reason. */
  end(error: unknown): void
  /** Ends with a code that tells the client to reconnect from the last version. */
  fallBehind(): void
}

/** A subscriber in a group. */
export interface Membership {
  readonly subscriber: Subscriber
  operation: LiveOperation
  /** Distinguishes operations that must not be shared. */
  readonly number: number
}

/** Which members share an execution: the key of their group, and the scope that it runs with. */
export function visibility({ operation, subscriber, number }: Membership, scope: Scope): { key: string; scope: Scope } {
  if (operation.key === null) return { key: `${number} ${scope.role}`, scope }
  if (scope.all || operation.topic.sameForAll) return { key: `${operation.key} all`, scope: scopeOfAll(scope.organizationId) }
  return { key: `${operation.key} ${subscriber.actor.memberId}`, scope }
}

/** Members who follow one kind of source in one organization, grouped by what they get. */
export interface Groups {
  members(): Iterable<Membership>
  /** Puts the member into the group that sees the same, the first time or again. `start`: its events begin after this version. */
  place(member: Membership, scope: Scope, start: bigint | null): void
  leave(member: Membership): void
  /** Leaves, and tells the subscriber why. */
  end(member: Membership, error: unknown): void
  /** The organization changed. */
  changed(): void
  readonly groups: number
}
