import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { AuraError } from '../errors.ts'
import { isId } from '../ids.ts'
import type { Ports } from '../ports.ts'
import { type Departures, Undecided } from '../verification/lane.ts'
import type { LastUses } from '../verification/last-uses.ts'
import type { Outcome, Verifier } from '../verification/verifier.ts'
import { answerText, withBody } from './lean.ts'
import { withRequest } from './request.ts'

/** A route that is found before everything else: it knows no GraphQL, and says 503 rather than guess. */
export type LeanRoute = (request: IncomingMessage, response: ServerResponse) => void

export interface VerificationGround {
  readonly ports: Pick<Ports, 'clock' | 'log' | 'metrics' | 'rateLimits' | 'refused'>
  readonly verifier: Verifier
  readonly lastUses: Pick<LastUses, 'used'>
  readonly gatewayToken: string | undefined
  readonly addressOf: (request: IncomingMessage) => string
}

export interface Question {
  readonly key: string
  readonly instanceId: string
}

const maxBodyBytes = 4_096
const maxBatchBytes = 32_768
/** How many keys are asked for at once. */
const maxBatch = 100

const sha256 = (text: string): Buffer => hash('sha256', text, 'buffer')
const error = (text: string): string => JSON.stringify({ error: text })

const questionOf = (value: unknown): Question | null => {
  const { key, instanceId } = (value ?? {}) as { key?: unknown; instanceId?: unknown }
  return typeof key === 'string' && typeof instanceId === 'string' ? { key, instanceId } : null
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Who to tell when a connection ends, however many requests came through it at once: the responses of those behind the first hear of no end. */
function createDepartures(): (socket: Socket) => Departures {
  const bySocket = new WeakMap<Socket, Departures>()
  return (socket) => {
    let departures = bySocket.get(socket)
    if (!departures) {
      const leaving: Departures = new Set()
      bySocket.set(socket, leaving)
      socket.once('close', () => {
        for (const leave of leaving) leave()
      })
      departures = leaving
    }
    return departures
  }
}

/** `POST /v1/verify` and `POST /v1/verify/batch`. */
export function createVerificationRoutes(ground: VerificationGround): ReadonlyMap<string, LeanRoute> {
  const { ports, verifier, lastUses, addressOf } = ground
  const departuresOf = createDepartures()
  const expected = ground.gatewayToken === undefined ? null : sha256(ground.gatewayToken)

  function told(outcome: Outcome): Outcome {
    ports.metrics.verified(outcome.code)
    if (outcome.code === 'VALID') lastUses.used(outcome.key.id, ports.clock.now())
    return outcome
  }

  /** Refuses a wrong gateway token; one of too many from its address by 429. */
  const refuseGateway = (request: IncomingMessage, response: ServerResponse): Promise<void> =>
    withRequest(
      async (id) => {
        const over: unknown = await ports.rateLimits.spend('wrong_gateway_tokens', addressOf(request)).catch((error: unknown) => error)
        if (over !== undefined && !(over instanceof AuraError)) throw over
        ports.refused(over?.extensions.code ?? 'UNAUTHENTICATED', '/v1/verify')
        if (!over) return answerText(response, 401, error('Send the gateway token as X-Aura-Gateway-Token.'), { id })
        const { code, retryAfterMs, http } = over.extensions
        const fields = Object.entries(http?.headers ?? {}).flat()
        answerText(response, 429, JSON.stringify({ error: over.message, code, retryAfterMs }), { id, fields })
      },
      null,
      addressOf(request),
    )

  function unknown(response: ServerResponse, cause: unknown): void {
    const reason = cause instanceof Undecided ? cause.reason : 'failed'
    // What came of a statement is logged there, not again for each who rode on it.
    if (!(cause instanceof Undecided)) ports.log.error({ error: (cause as Error).name }, 'a verification could not be decided')
    ports.metrics.undecided(reason)
    if (reason !== 'gone') answerText(response, 503, error('The server cannot know right now. Try again.'), { fields: ['retry-after', '1'] })
  }

  /** What a route of ours refuses before it reads the body; else hands over the body's text. */
  const guarded =
    (maxBytes: number, answer: (text: string, request: IncomingMessage, response: ServerResponse) => void): LeanRoute =>
    (request, response) => {
      if (request.method !== 'POST') return answerText(response, 405, error('Use POST.'), { fields: ['allow', 'POST'] })
      const token = request.headers['x-aura-gateway-token']
      if (expected && !(typeof token === 'string' && timingSafeEqual(sha256(token), expected))) {
        refuseGateway(request, response).catch((cause: unknown) => unknown(response, cause))
        return
      }
      withBody(request, response, maxBytes, answer)
    }

  const isFresh = (request: IncomingMessage): boolean => /\bno-cache\b/i.test(request.headers['cache-control'] ?? '')

  const verify = guarded(maxBodyBytes, (text, request, response) => {
    const question = questionOf(parse(text))
    if (question && !isFresh(request)) {
      const outcome = verifier.known(question.key, question.instanceId)
      // Of another instance it is not known yet whether its id is one.
      if (outcome && outcome.code !== 'WRONG_INSTANCE') return answerText(response, 200, told(outcome).json)
    }
    if (!question || !isId(question.instanceId, 'ins')) {
      return answerText(response, 400, error('Send {"key": "aura_…", "instanceId": "ins_…"} as JSON.'))
    }
    if (request.socket.destroyed) return
    verifier.ask(question.key, question.instanceId, departuresOf(request.socket), isFresh(request)).then(
      (outcome) => answerText(response, 200, told(outcome).json),
      (cause: unknown) => unknown(response, cause),
    )
  })

  const batch = guarded(maxBatchBytes, (text, request, response) => {
    const { verifications } = (parse(text) ?? {}) as { verifications?: unknown }
    const questions = Array.isArray(verifications) && verifications.length >= 1 && verifications.length <= maxBatch ? verifications.map(questionOf) : []
    if (questions.length === 0 || !questions.every((question) => question !== null && isId(question.instanceId, 'ins'))) {
      return answerText(response, 400, error(`Send {"verifications": [{"key": "aura_…", "instanceId": "ins_…"}, …]} as JSON, 1 to ${maxBatch} of them.`))
    }
    if (request.socket.destroyed) return
    const [departures, fresh] = [departuresOf(request.socket), isFresh(request)]
    const outcomes = (questions as Question[]).map(
      ({ key, instanceId }) => (fresh ? null : verifier.known(key, instanceId)) ?? verifier.ask(key, instanceId, departures, fresh),
    )
    Promise.all(outcomes).then(
      (found) => answerText(response, 200, `{"results":[${found.map((outcome) => told(outcome).json).join()}]}`),
      (cause: unknown) => unknown(response, cause),
    )
  })

  return new Map([
    ['/v1/verify', verify],
    ['/v1/verify/batch', batch],
  ])
}
