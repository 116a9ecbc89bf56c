import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import type { Actor } from '../access/actor.ts'
import type { ErrorCode } from '../errors.ts'
import type { Ports } from '../ports.ts'

/** What is known of the request under way; the log names it. */
interface Request {
  readonly id: string
  /** Who sent it, once that is known. */
  actor: Pick<Actor, 'memberId' | 'organizationId'> | null
}

const requests = new AsyncLocalStorage<Request>()

/** Runs `handle` as a request with a new id, which everything that it starts can read. */
export function withRequest<Answer>(handle: (id: string) => Answer, actor: Request['actor'] = null): Answer {
  const id = randomUUID()
  return requests.run({ id, actor }, () => handle(id))
}

/** The request under way knows now who sent it. */
export function identify(actor: Actor): void {
  const request = requests.getStore()
  if (request) request.actor = actor
}

export const currentRequest = (): Readonly<Request> | undefined => requests.getStore()

const refusals: readonly ErrorCode[] = ['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND']

/** Counts and logs refusals of rights, which are no events: nothing changed. */
export const createRefused =
  (log: Ports['log'], metrics: Pick<Ports['metrics'], 'refused'>): Ports['refused'] =>
  (code, field) => {
    if (!refusals.includes(code)) return
    metrics.refused(code)
    const { id, actor } = currentRequest() ?? {}
    log.info({ code, field, requestId: id, memberId: actor?.memberId, organizationId: actor?.organizationId }, 'refused')
  }
