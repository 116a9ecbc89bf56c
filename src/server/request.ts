import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
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
  /** The trace that it belongs to, if its sender said so. */
  readonly traceId: string | undefined
}

const requests = createAsyncVariable<Request>()

/** What a request says of itself, once `keepOnlyKnownIds` has looked at it. */
interface Marks {
  readonly 'x-request-id'?: string
  readonly traceparent?: string
}

const marksOf = ({ headers }: IncomingMessage): Marks => headers as Marks

/** W3C Trace Context, version 00: its trace and span, neither of them zero. */
const trace = /^00-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-[\da-f]{2}$/

/** Drops the ids that a request may not give itself: a request id that no trusted proxy sent, and whatever has another form. */
export function keepOnlyKnownIds(request: IncomingMessage, isFromProxy: (request: IncomingMessage) => boolean): void {
  const { headers } = request
  const { 'x-request-id': id, traceparent } = marksOf(request)
  if (id !== undefined && !(/^[\w.:+/=@-]{1,128}$/.test(id) && isFromProxy(request))) delete headers['x-request-id']
  if (traceparent !== undefined && !trace.test(traceparent)) delete headers['traceparent']
}

/** Headers of each response, alternating: the id of its request, and the trace if it has one. */
export function idFields(request: IncomingMessage): string[] {
  const { 'x-request-id': id = randomUUID(), traceparent } = marksOf(request)
  return traceparent === undefined ? ['x-request-id', id] : ['x-request-id', id, 'traceparent', traceparent]
}

/** Runs `handle` as a request, whose id all code that it starts can read: that of `request`, which gets a new one if it has none. */
export function withRequest<Answer>(handle: () => Answer, actor: Request['actor'] = null, address?: string, request?: IncomingMessage): Answer {
  const id = randomUUID()
  if (request) request.headers['x-request-id'] ??= id
  const { 'x-request-id': known = id, traceparent } = request ? marksOf(request) : {}
  return requests.run({ id: known, actor, address, traceId: trace.exec(traceparent ?? '')?.[1] }, handle)
}

/** Sets the sender of the current request. */
export function identify(actor: Actor): void {
  const request = requests.get()
  if (request) request.actor = actor
}

export const currentRequest = (): Readonly<Request> | undefined => requests.get()

/** The log fields of the current request and its sender: the member, or the address while no member is known. */
export function caller(by?: Request['actor']): object {
  const { id: requestId, actor, address, traceId } = currentRequest() ?? {}
  const { memberId, organizationId } = by ?? actor ?? {}
  const ids = traceId === undefined ? { requestId } : { requestId, traceId }
  return memberId === undefined ? { ...ids, address } : { ...ids, memberId, organizationId }
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
  <Input extends object, Answer>(judge: (input: Input) => Promise<Answer>, rateLimits: Pick<RateLimits, 'spend'>) =>
  async (input: Input, failed?: unknown): Promise<Answer> => {
    try {
      if (failed !== undefined) throw failed
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
