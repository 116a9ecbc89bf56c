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
import { withRequest } from './request.ts'

/** What may wait to be read by one client before nothing is added; with one answer more, this is what a slow reader costs. */
const maxBehindBytes = 65_536

/** JSON with the members of every object in one order, so that equal values are equal texts. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )

/** Asks the field what it follows, with its rule on; answers what is wrong otherwise. */
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
      // One for reading and executing: what was read with the selection is found there. Everything in it is at least as new as the first
      // version that is asked for, so a list in an answer can be followed from that one.
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

// Each by itself, so that what is shared keeps nothing of whoever asked first.
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
  /** Writes one answer; `version` is null where it has none. */
  write(json: string, version: bigint | null): void
  /** Bytes that wait to be read. */
  readonly waitingBytes: number
  /** Returns true once everything was read, false when the client is gone. */
  drained(): Promise<boolean>
  /** Says that nothing more comes, and stops; `complete` is false when the client shall come back. */
  finish(complete: boolean): void
}

/** Follows a subscription on a client's wire; answers how to leave, or what is wrong with it. */
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
        // Whoever caused it is another: the refusal is written down under the name of this one.
        const refusal = withRequest(() => mask(error), actor)
        wire.write(JSON.stringify({ data: null, errors: withoutHttp([refusal]) }), null)
        wire.finish(true)
      },
      fallBehind: () => wire.finish(false),
    }
    // What the hub reads, for many at once, keeps no operation waiting.
    work.leaveQueue()
    const joining = ports.hub.join(live, subscriber)
    return await work.race(joining).catch((error: unknown) => {
      // Who was told that it took too long must not be followed after all.
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
