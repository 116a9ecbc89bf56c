import type { ExecutionResult } from 'graphql'
import { GraphQLError } from 'graphql'
import { unavailable } from '../errors.ts'
import { Work } from '../store/work.ts'

/** An operation from arrival to response. */
export interface Deadline {
  readonly work: Work
  /** The client is gone: no response is needed. */
  gone(): void
  /** It is finished. */
  end(): void
}

/** Starts the timeout of an operation; waiting in the queue counts. Stops it after `timeoutMs`, unless its COMMIT was sent. */
export function startDeadline(timeoutMs: number): Deadline {
  const work = new Work('operations')
  const late = (): void =>
    work.cancel(
      unavailable('The operation took longer than OPERATION_TIMEOUT_MS allows and was stopped. Nothing more was changed. Ask for less, or try again.'),
    )
  const timer = setTimeout(late, timeoutMs)
  let hasEnded = false
  const end = (): void => {
    hasEnded = true
    clearTimeout(timer)
    work.leaveQueue()
  }
  const gone = (): void => {
    // Every connection is gone at some time, and an error with its stack costs as much as a small answer.
    if (!hasEnded) work.cancel(unavailable('The client is gone.'))
  }
  return { work, end, gone }
}

/** The result of an execution, or UNAVAILABLE as soon as it is stopped; always waits for one that committed something. */
export function orStopped(work: Work, execute: () => Promise<ExecutionResult> | ExecutionResult): Promise<ExecutionResult> {
  const answer = Promise.resolve(execute())
  return work.race(answer).catch((error: unknown) => {
    const { reason } = work
    if (reason === null || error !== reason) throw error
    return work.hasCommitted ? answer : { errors: [new GraphQLError(reason.message, { originalError: reason })] }
  })
}
