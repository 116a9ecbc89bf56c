import type { PoolClient, QueryConfig, QueryResult, QueryResultRow } from 'pg'
import { RolledBack } from './failures.ts'
import { innerOf } from './inner.ts'
import { failed, failureOf } from './plain.ts'
import type { Work } from './work.ts'

/** How long a transaction may take, whatever its body waits for. */
const maxTransactionMs = 30_000
/** A connection that does not answer for so long is lost. A COMMIT can wait for a standby. */
const maxSilentMs = { begin: 3_000, rollback: 1_000, commit: 30_000 }

/** Called for each statement or connection that failed, with the driver's error. */
export type OnFailure = (error: unknown) => void

/** A connection, and how to give it back. */
export interface Lease {
  readonly client: PoolClient
  /** Resolves once no cancel request is under way that could hit the next statement. */
  stopped(): Promise<void>
  release(broken?: boolean): void
}

/** Sends the statement that the function makes, and returns its rows. */
export type Send = <Row extends QueryResultRow>(make: () => QueryConfig) => Promise<Row[]>

/** Whether the connection is lost: it failed itself, or PostgreSQL ends it (57P01 to 57P05, class 08); errors of a statement do not count. */
export const isBroken = (error: unknown): boolean => !/^(?!57P0|08|EPIPE)[0-9A-Z]{5}$/.test(String((error as { code?: unknown } | null)?.code))

const withCode = (message: string, code: string): Error => Object.assign(new Error(message), { code })

/** What comes after the end would be a change of its own. */
export const isEnded = (): Error => withCode('the transaction is over', '25P01')

/**
 * Sends a COMMIT. If PostgreSQL sends a warning, the commit is in force on this server, but no standby that it should wait for has it: that is not
 * reported as done. The code is the one for a transaction with an unknown result.
 */
export async function commit<Answer>(client: PoolClient, send: () => Promise<Answer>): Promise<Answer> {
  let isWarned = false
  const hear = ({ code }: { code?: string | undefined }): void => {
    isWarned ||= code !== undefined && code !== '00000'
  }
  client.on('notice', hear)
  try {
    const answer = await send()
    if (isWarned) throw withCode('the commit came with a warning', '08007')
    return answer
  } finally {
    client.off('notice', hear)
  }
}

/** Resolves to the answer, or rejects when it takes too long. */
async function inTime<Answer>(answer: Promise<Answer>): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(withCode('the transaction takes too long', '25P03')), maxTransactionMs)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

/** See `Pools.transact`. */
export async function transact<Answer>(
  { client, stopped, release }: Lease,
  work: Work | null,
  onFailure: OnFailure,
  body: (send: Send) => Promise<Answer>,
  committing: () => void = () => undefined,
): Promise<Answer> {
  let isOver = false
  let failure: unknown
  const query = async <Row extends QueryResultRow>(make: () => QueryConfig): Promise<QueryResult<Row>> => {
    work?.check()
    if (isOver) throw isEnded()
    // What is not known to be in a transaction is not sent.
    if (failure !== undefined) throw failure
    try {
      const config = make()
      together()
      return await client.query<Row>(config)
    } catch (error) {
      failure ??= error
      onFailure(error)
      throw work?.stoppedBy ?? error
    }
  }
  const { stream } = innerOf(client).connection
  /** What is sent in one turn is one packet, for which PostgreSQL wakes up once. */
  const together = (): void => {
    stream.cork()
    process.nextTick(() => stream.uncork())
  }
  const heard = async <Answer>(answer: Promise<Answer>, ms: number): Promise<Answer> => {
    const silence = setTimeout(() => stream.destroy(), ms)
    try {
      return await answer
    } finally {
      clearTimeout(silence)
    }
  }
  const began = heard(
    query(() => ({ text: 'BEGIN' })),
    maxSilentMs.begin,
  )
  began.catch(() => undefined)
  let answer: Answer
  try {
    answer = await inTime(body(async (make) => (await query<never>(make)).rows))
    await began
    work?.check()
    if (failure !== undefined) throw failureOf(failure)
  } catch (error) {
    isOver = true
    await stopped()
    const isLost = await heard(client.query('ROLLBACK'), maxSilentMs.rollback).then(
      () => false,
      () => true,
    )
    // The driver would wait for answers before it ends the connection.
    if (isLost) stream.destroy()
    release(isLost)
    throw error
  }
  isOver = true
  committing()
  together()
  const { command } = await commit(client, () => heard(client.query('COMMIT'), maxSilentMs.commit)).catch((error: unknown) => {
    release(isBroken(error))
    onFailure(error)
    return failed(error)
  })
  release()
  // What was under way has failed: PostgreSQL rolls back then, and says no more than this.
  if (command !== 'COMMIT') throw new RolledBack(failureOf(failure))
  return answer
}
