import {
  type ExecutionArgs,
  type ExecutionResult,
  type FormattedExecutionResult,
  type GraphQLError,
  type GraphQLFormattedError,
  getOperationAST,
} from 'graphql'
import type { GraphQLServer, StreamContext } from './graphql.ts'

/** What a client sends. */
export interface OperationRequest {
  readonly query?: unknown
  readonly variables?: unknown
  readonly operationName?: unknown
}

/** A checked operation with its context, and Yoga's own functions with every hook that runs over HTTP. */
export interface Operation extends ExecutionArgs {
  readonly run: Record<'execute' | 'subscribe', (args: ExecutionArgs) => Promise<ExecutionResult | AsyncIterableIterator<ExecutionResult>>>
}

/** Parses and validates an operation with the limits of every transport, and authenticates it; answers what is wrong with it otherwise. */
export async function prepare(graphql: GraphQLServer, credential: StreamContext, request: OperationRequest): Promise<Operation | readonly GraphQLError[]> {
  const { schema, execute, subscribe, contextFactory, parse, validate } = graphql.yoga.getEnveloped({ ...credential, params: request } as never)
  try {
    const document = parse(String(request.query ?? ''))
    const errors = validate(schema, document)
    if (errors.length > 0) return errors.map(graphql.mask)
    const operationName = typeof request.operationName === 'string' ? request.operationName : null
    const operation = { schema, document, operationName, variableValues: (request.variables ?? null) as Record<string, unknown> | null }
    return { ...operation, contextValue: await contextFactory(), run: { execute, subscribe } } as Operation
  } catch (error) {
    return [graphql.mask(error)]
  }
}

export const isRefused = (prepared: Operation | readonly GraphQLError[]): prepared is readonly GraphQLError[] => Array.isArray(prepared)

/** What kind of operation runs; null when the document does not say which of several. */
export const kindOf = ({ document, operationName }: Operation): 'query' | 'mutation' | 'subscription' | null =>
  getOperationAST(document, operationName)?.operation ?? null

/** Extensions for the HTTP status mean nothing inside a stream, and Yoga takes them out only where it writes the answer itself. */
export const withoutHttp = (errors: readonly GraphQLError[]): GraphQLFormattedError[] =>
  errors.map((error) => {
    const { http: _, ...extensions } = error.extensions
    return { ...error.toJSON(), extensions }
  })

export const formatted = (result: ExecutionResult): FormattedExecutionResult =>
  (result.errors ? { ...result, errors: withoutHttp(result.errors) } : result) as FormattedExecutionResult
