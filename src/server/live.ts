import { createHash } from 'node:crypto'
import { createSourceEventStream, execute, type GraphQLError } from 'graphql'
import type { Scope } from '../access/scope.ts'
import { type Context, createContext, createSharedContext } from '../graphql/context.ts'
import { LiveSource } from '../graphql/live-source.ts'
import { refusals } from '../graphql/refusals.ts'
import { analyse } from '../graphql/shareable.ts'
import type { Work } from '../store/work.ts'
import type { LiveOperation, Subscriber } from '../topic.ts'
import type { GraphQLServer } from './graphql.ts'
import { formatted, isRefused, type Operation, withoutHttp } from './operation.ts'
import { canonical } from './operation-request.ts'
import { withRequest } from './request.ts'

/** Bytes that may wait for one client before nothing is added; a slow reader costs this plus one answer. */
const maxBehindBytes = 65_536

/** Asks the field what it follows, with its rule on; returns the errors otherwise. */
async function open(graphql: GraphQLServer, operation: Operation): Promise<LiveOperation | readonly GraphQLError[]> {
  const { document, operationName, variableValues, schema, text, contextValue } = operation
  const wrong = refusals(operation)
  if (wrong.length > 0) return wrong
  const source = await createSourceEventStream({ schema, document, operationName, variableValues, contextValue })
  if (!(source instanceof LiveSource)) return ('errors' in source ? (source.errors ?? []) : []).map(graphql.mask)
  const { isShareable, resumeVariable } = analyse(schema, document)
  const variables = Object.entries(variableValues ?? {}).filter(([name]) => name !== resumeVariable)
  const key = isShareable
    ? createHash('sha256')
        .update(JSON.stringify([text, operationName, canonical(Object.fromEntries(variables))]))
        .digest('base64')
    : null
  const contextOf = isShareable ? sharedContexts(graphql) : ownContexts(graphql, contextValue)
  const run = (contextValue: Context, rootValue: unknown): Promise<string> =>
    withRequest(async () => {
      const result = await execute({ schema: graphql.unguarded, document, operationName, variableValues, rootValue, contextValue })
      return JSON.stringify(formatted(result.errors ? { ...result, errors: result.errors.map(graphql.mask) } : result))
    })
  return {
    topic: source.topic,
    key,
    under: (scope) => {
      // One context for reading and executing: it keeps what was read with the selection. Everything in it is at least as new as the first
      // version that is requested, so a client can follow a list from that version.
      let context: Context | null = null
      const since = (version: bigint): Context => {
        context ??= contextOf(scope, version)
        return context
      }
      return {
        read: (after, upTo, take) => source.read(since(after), after, upTo, take),
        ofCounts: (changed) => run(since(changed[0]?.version ?? 0n), source.ofCounts(changed)),
        ofEvent: (row) => run(since(row.version), row),
      }
    },
  }
}

// Separate, so that a shared context keeps no reference to the first client.
const sharedContexts =
  ({ ports }: GraphQLServer) =>
  (scope: Scope): Context =>
    createSharedContext(ports, scope)
const ownContexts =
  ({ ports }: GraphQLServer, { actor }: Context) =>
  (scope: Scope, organizationVersion: bigint): Context =>
    createContext(ports, { ...actor, role: scope.role, organizationVersion }, null, scope)

/** A transport's own part of a subscriber. */
export interface Wire {
  /** Writes one answer, with its version or null. */
  write(json: string, version: bigint | null): void
  /** Bytes that wait to be read. */
  readonly waitingBytes: number
  /** Returns true once everything was read, false when the client is gone. */
  drained(): Promise<boolean>
  /** Says that nothing more comes, and stops; `complete` is false if the client should reconnect. */
  finish(complete: boolean): void
}

/** Follows a subscription on a client's wire; returns a function to leave, or its errors. */
export async function follow(graphql: GraphQLServer, operation: Operation, wire: Wire, work: Work): Promise<(() => void) | readonly GraphQLError[]> {
  const { ports, mask } = graphql
  const { actor } = operation.contextValue
  const expiresAt = actor.expiresAt.getTime()
  try {
    const live = await open(graphql, operation)
    if (isRefused(live)) return live
    const subscriber: Subscriber = {
      actor,
      send: (json, version) => (ports.clock.now().getTime() < expiresAt ? wire.write(json, version) : wire.finish(true)),
      get isBehind() {
        return wire.waitingBytes > maxBehindBytes
      },
      drained: () => wire.drained(),
      end: (error) => {
        // Another member may have caused it: the refusal is logged under this member.
        const refusal = withRequest(() => mask(error), actor)
        wire.write(JSON.stringify({ data: null, errors: withoutHttp([refusal]) }), null)
        wire.finish(true)
      },
      fallBehind: () => wire.finish(false),
    }
    // The hub reads for many at once, so no operation waits for it.
    work.leaveQueue()
    const joining = ports.hub.join(live, subscriber)
    return await work.race(joining).catch((error: unknown) => {
      // A client that got a timeout must not be subscribed after all.
      joining.then(
        (leave) => leave(),
        () => undefined,
      )
      throw error
    })
  } catch (error) {
    return [mask(error)]
  }
}
