import type { Actor } from './access/actor.ts'
import { type Scope, scopeOfAll } from './access/scope.ts'
import type { Counts } from './keys/model.ts'

/** How many events a feed reads by one statement: what a reader who is far behind costs at once. */
export const feedBatch = 100

/** What a subscription follows, and who may. */
export interface Topic {
  /** Apps and instances that must be in sight, else NOT_FOUND. */
  readonly subjectIds: readonly string[]
  /** What who follows it must have a right to, else FORBIDDEN. */
  readonly right: (scope: Scope) => boolean
  /** Whether everybody who may see the subjects sees the same of them. */
  readonly sameForAll: boolean
  /** Counts of these organizations, apps and instances, of which only the newest matter; or events in their order, after a version. */
  readonly source: { readonly kind: 'counts'; readonly ids: readonly string[] } | { readonly kind: 'feed'; readonly after: bigint | null }
}

/** Everything that is read and executed for one change. */
export interface Execution {
  /** At most `take` events above `after`, in their order; row and scope in one statement. */
  read(after: bigint, upTo: bigint, take: number): Promise<{ version: bigint }[]>
  /** The answer for these counts, as JSON. */
  ofCounts(changed: readonly Counts[]): Promise<string>
  /** The answer for this event, as JSON. */
  ofEvent(row: { version: bigint }): Promise<string>
}

/** A client's subscription, checked and ready to run. */
export interface LiveOperation {
  readonly topic: Topic
  /** The same for operations whose answers are the same for the same scope; null when an answer depends on more, and must not be shared. */
  readonly key: string | null
  /** Executions with what `scope` sees; each with a context of its own, so that nothing is kept from the change before. */
  under(scope: Scope): Execution
}

/** One client's end of a subscription, as its transport makes it. */
export interface Subscriber {
  readonly actor: Actor
  /** Sends an answer; `version` is what its content belongs to. */
  send(json: string, version: bigint): void
  /** Whether so much waits to be read that nothing may be added. */
  readonly isBehind: boolean
  /** Returns true once everything was read, false when the client is gone. */
  drained(): Promise<boolean>
  /** The last answer, with the reason. */
  end(error: unknown): void
  /** Ends with a code that says to come back and go on from the last version. */
  fallBehind(): void
}

/** A subscriber in a group. */
export interface Membership {
  readonly subscriber: Subscriber
  operation: LiveOperation
  /** Tells apart operations that must not be shared. */
  readonly number: number
}

/** For whom an execution is the same: the key of its group, and the scope that it runs with. */
export function visibility({ operation, subscriber, number }: Membership, scope: Scope): { key: string; scope: Scope } {
  if (operation.key === null) return { key: `${number} ${scope.role}`, scope }
  if (scope.all || operation.topic.sameForAll) return { key: `${operation.key} all`, scope: scopeOfAll(scope.organizationId) }
  return { key: `${operation.key} ${subscriber.actor.memberId}`, scope }
}

/** Members who follow one kind of source in one organization, those together who get the same. */
export interface Groups {
  members(): Iterable<Membership>
  /** Puts the member into the group of those who see the same, at first or anew. `start`: after which version its events begin. */
  place(member: Membership, scope: Scope, start: bigint | null): void
  leave(member: Membership): void
  /** Leaves, and tells the subscriber why. */
  end(member: Membership, error: unknown): void
  /** The organization changed. */
  changed(): void
  readonly groups: number
}
