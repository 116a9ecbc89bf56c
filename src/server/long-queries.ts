import { type ExecutionArgs, type ExecutionResult, getOperationAST, OperationTypeNode } from 'graphql'
import pLimit from 'p-limit'
import type { Context } from '../graphql/context.ts'
import type { Work } from '../store/work.ts'

/**
 * How many queries of many rows are executed at once. They share one thread with verification: several at once finish no sooner,
 * and requests in between wait for a turn of each.
 */
const maxLongQueries = 1

export type LongQueries = (args: ExecutionArgs, work: Work, execute: () => Promise<ExecutionResult> | ExecutionResult) => Promise<ExecutionResult>

/** Executes queries of many rows one after another, in order of arrival, and all others at once. A stopped query frees its place. */
export function createLongQueries(): LongQueries {
  const inLine = pLimit(maxLongQueries)
  return (args, work, execute) => {
    const isQuery = getOperationAST(args.document, args.operationName)?.operation === OperationTypeNode.QUERY
    if (!isQuery || !(args.contextValue as Context).pace.isPaced) return Promise.resolve(execute())
    return inLine(() => {
      work.check()
      return work.race(Promise.resolve(execute()))
    })
  }
}
