import { randomUUID } from 'node:crypto'
import type { Actor } from '../access/actor.ts'
import { createAsyncVariable } from '../async-variable.ts'
import { AuraError } from '../errors.ts'
import type { Ports, RateLimits } from '../ports.ts'

/** What is known of the current request; the log names it. */
interface Request {
  readonly id: string
  /** The sender, once known. */
  actor: Pick<Actor, 'memberId' | 'organizationId'> | null
  /** Its address, as limits count it. */
  readonly address: string | undefined
}

const requests = createAsyncVariable<Request>()

/** Runs `handle` as a request with a new id, which all code that it starts can read. */
export function withRequest<Answer>(handle: (id: string) => Answer, actor: Request['actor'] = null, address?: string): Answer {
  const id = randomUUID()
  return requests.run({ id, actor, address }, () => handle(id))
}

/** Sets the sender of the current request. */
export function identify(actor: Actor): void {
  const request = requests.get()
  if (request) request.actor = actor
}

export const currentRequest = (): Readonly<Request> | undefined => requests.get()

/** The log fields of the current request and its sender: the member, or the address while no member is known. */
export function caller(by?: Request['actor']): object {
  const { id: requestId, actor, address } = currentRequest() ?? {}
  const { memberId, organizationId } = by ?? actor ?? {}
  return memberId === undefined ? { requestId, address } : { requestId, memberId, organizationId }
}

/** Counts and logs refusals, which are no events: nothing changed. */
export const createRefused =
  (log: Ports['log'], metrics: Pick<Ports['metrics'], 'refused'>): Ports['refused'] =>
  (code, field, { count = 1, by } = {}) => {
    metrics.refused(code, count)
    log.info({ code, field, ...caller(by), ...(count > 1 ? { count } : {}) }, 'refused')
  }

/** Counts wrong credentials by address. They are judged first: a client with a valid one is never refused because of others. */
export const limitFailures =
  <Input extends object, Answer>(judge: (input: Input) => Promise<Answer>, rateLimits: Pick<RateLimits, 'spend'>): ((input: Input) => Promise<Answer>) =>
  async (input) => {
    try {
      return await judge(input)
    } catch (error) {
      const { address } = currentRequest() ?? {}
      // No credential is no guess, and costs nothing.
      const isNone = 'authorization' in input && !input.authorization && !('session' in input && input.session)
      const isWrong = error instanceof AuraError && error.extensions.code === 'UNAUTHENTICATED' && !isNone
      if (isWrong && address) await rateLimits.spend('failed_credentials', address)
      throw error
    }
  }
