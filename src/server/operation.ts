import type { ExecutionArgs, ExecutionResult, FormattedExecutionResult, GraphQLError, GraphQLFormattedError } from 'graphql'
import type { Actor, Identity } from '../access/actor.ts'
import { type Context, createContext } from '../graphql/context.ts'
import { fewErrors } from '../graphql/few-errors.ts'
import type { Work } from '../store/work.ts'
import type { Keeping } from './answers.ts'
import type { GraphQLServer } from './graphql.ts'
import { isHashAlone, notPersisted, type OperationRequest, operationNameOf, operationOf } from './operation-request.ts'
import { recall } from './recall.ts'
import { identify } from './request.ts'

/** The sender, on an open connection. */
export interface Caller {
  readonly work: Work
  /** Checks the credential and waits for a turn, before the operation is read. */
  readonly admit: () => Promise<Identity>
  /** The subscriber, from memory if the hub knows it. */
  readonly authenticate: (identity: Identity) => Promise<Actor>
  /** Version where a feed continues; overrides the argument. */
  readonly resumeAfter: bigint | null
}

/** A checked operation with its context. Queries and mutations run through Yoga's own function, with every hook that runs over HTTP. */
export interface Operation extends ExecutionArgs {
  readonly kind: 'query' | 'mutation' | 'subscription'
  readonly text: string
  readonly contextValue: Context
  readonly run: (args: ExecutionArgs) => Promise<ExecutionResult>
}

/** Admits an operation, parses and validates it with the limits of every transport, and authenticates it; returns its errors otherwise. */
export async function prepare(graphql: GraphQLServer, caller: Caller, request: OperationRequest): Promise<Operation | readonly GraphQLError[]> {
  try {
    const identity = await caller.admit()
    const keeping: Keeping = {}
    const { schema, execute, contextFactory } = graphql.yoga.getEnveloped({ identity, params: request, keeping } as never)
    if (isHashAlone(request)) return [notPersisted()]
    const text = String(request.query ?? '')
    const { document, errors } = graphql.documents.read(text)
    if (errors.length > 0) return errors.map(graphql.mask)
    const operationName = operationNameOf(request)
    const variableValues = (request.variables ?? null) as Record<string, unknown> | null
    const { operation: kind } = operationOf(document, request)
    // The hub finds subscribers, many in one statement, so no operation waits for that.
    if (kind === 'subscription') caller.work.leaveQueue()
    const question = kind === 'query' ? graphql.answers.questionOf(document, request) : null
    const kept = question && (await recall(graphql, question, { identity, work: caller.work, keeping }))
    const contextValue =
      kind === 'subscription'
        ? createContext(graphql.ports, await caller.work.race(caller.authenticate(identity)), caller.resumeAfter)
        : ((await contextFactory()) as Context)
    identify(contextValue.actor)
    graphql.documents.keep(document)
    const run = async (args: ExecutionArgs): Promise<ExecutionResult> => {
      try {
        return kept ? (JSON.parse(kept) as ExecutionResult) : ((await execute(args)) as ExecutionResult)
      } finally {
        graphql.answers.end(keeping)
      }
    }
    return { schema, document, operationName, variableValues, kind, text, contextValue, run }
  } catch (error) {
    return [graphql.mask(error)]
  }
}

export const isRefused = <Prepared extends object>(prepared: Prepared | readonly GraphQLError[]): prepared is readonly GraphQLError[] => Array.isArray(prepared)

/** Extensions for the HTTP status mean nothing inside a stream, and Yoga removes them only from responses it writes itself. */
export const withoutHttp = (errors: readonly GraphQLError[]): GraphQLFormattedError[] =>
  fewErrors(errors).map((error) => {
    const { http: _, ...extensions } = error.extensions
    return { ...error.toJSON(), extensions }
  })

export const formatted = (result: ExecutionResult): FormattedExecutionResult =>
  (result.errors ? { ...result, errors: withoutHttp(result.errors) } : result) as FormattedExecutionResult
