import { type DocumentNode, getOperationAST, OperationTypeNode } from 'graphql'
import { createContext } from '../graphql/context.ts'
import { refusals } from '../graphql/refusals.ts'
import type { Work } from '../store/work.ts'
import type { Question } from './answers.ts'
import { admit, type GraphQLServer, type ServerContext } from './graphql.ts'
import { type OperationRequest, operationNameOf } from './operation-request.ts'
import { callerOf, recall } from './recall.ts'

/** A request for a query or a mutation whose document is known, and valid. */
export interface KnownOperation {
  readonly document: DocumentNode
  readonly request: OperationRequest
  /** Null if its answer may not be kept. */
  readonly question: Question | null
}

/** `mayChange`: whether mutations are executed for such requests. */
export function knownOperation({ documents, answers }: GraphQLServer, request: OperationRequest | string, mayChange: boolean): KnownOperation | null {
  if (typeof request === 'string' || typeof request.query !== 'string') return null
  const document = documents.known(request.query)
  const kind = document && getOperationAST(document, operationNameOf(request))?.operation
  if (!document || (kind !== OperationTypeNode.QUERY && !(mayChange && kind === OperationTypeNode.MUTATION))) return null
  return { document, request, question: answers.questionOf(document, request) }
}

/** The answer that is kept, if there is one that holds. It needs no place among the running operations: it costs a share of a statement. */
export async function keptAnswer(graphql: GraphQLServer, { question }: KnownOperation, context: ServerContext): Promise<string | null> {
  if (!question) return null
  try {
    const identity = await context.identified
    const found = graphql.answers.find(question, identity)
    if (!found || !graphql.answers.holds(found, await callerOf(graphql, identity, null))) return null
    graphql.ports.metrics.answered('kept')
    return found.json
  } catch (error) {
    context.failure = error
    return null
  }
}

/**
 * The answer of an execution without Yoga, whose forms of requests and answers cost as much as a small query. Null if anything is wrong with it: Yoga
 * says that in the form that the client wants.
 */
export async function executedAnswer(graphql: GraphQLServer, operation: KnownOperation, context: ServerContext, work: Work): Promise<string | null> {
  const { document, request, question } = operation
  const { keeping } = context
  try {
    const identity = await admit(graphql, context.identified, true)
    context.identity = identity
    // Its place is for others while it waits for an execution of another request.
    const waitFor = async (end: Promise<void>): Promise<void> => {
      work.leaveQueue()
      await work.race(end)
      await admit(graphql, context.identified, true)
    }
    const kept = question && (await recall(graphql, question, { identity, work, keeping, waitFor }))
    if (kept) return kept
    const actor = keeping.actor ?? (await callerOf(graphql, identity, work))
    keeping.actor = actor
    const variableValues = (request.variables ?? {}) as Record<string, unknown>
    const args = {
      schema: graphql.schema,
      document,
      operationName: operationNameOf(request),
      variableValues,
      contextValue: createContext(graphql.ports, actor),
    }
    if (refusals(args).length > 0) return null
    const executed = await graphql.execute(args, keeping)
    if (!executed.errors) return keeping.json ?? JSON.stringify(executed)
    context.executed = executed
  } catch (error) {
    context.failure = error
  }
  return null
}
