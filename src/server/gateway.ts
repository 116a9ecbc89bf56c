import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { AuraError } from '../errors.ts'
import type { Ports } from '../ports.ts'
import { type Departures, Undecided } from '../verification/lane.ts'
import type { LastUses } from '../verification/last-uses.ts'
import type { Outcome, Verifier } from '../verification/verifier.ts'
import { answerText, errorText } from './lean.ts'
import { withRequest } from './request.ts'

export interface GatewayGround {
  readonly ports: Pick<Ports, 'clock' | 'log' | 'metrics' | 'rateLimits' | 'refused'>
  readonly verifier: Verifier
  readonly lastUses: Pick<LastUses, 'used'>
  readonly gatewayToken: string | undefined
  readonly addressOf: (request: IncomingMessage) => string
}

/** What the gateway routes share. */
export interface Gateway {
  /** From memory; null if the database must be read. */
  known(key: string, instanceId: string): Outcome | null
  /** Reads the database; a disconnect frees the place. Throws `Undecided`. */
  ask(key: string, instanceId: string, request: IncomingMessage, fresh: boolean): Promise<Outcome>
  /** Whether the request has the gateway token, if one is set; if not, it is refused. */
  admits(request: IncomingMessage, response: ServerResponse): boolean
  /** Counts an outcome, and records the use of a valid key. */
  told(outcome: Outcome): Outcome
  /** Responds with 503: the server does not guess. */
  unknown(response: ServerResponse, cause: unknown): void
}

const sha256 = (text: string): Buffer => hash('sha256', text, 'buffer')

/** Whether the caller wants a database read, whatever is in memory. */
export const isFresh = ({ headers }: IncomingMessage): boolean => headers['cache-control'] !== undefined && /\bno-cache\b/i.test(headers['cache-control'])

/** What to call when a connection ends, for all of its requests: the responses behind the first one get no close event. */
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

export function createGateway({ ports, verifier, lastUses, gatewayToken, addressOf }: GatewayGround): Gateway {
  const departuresOf = createDepartures()
  const expected = gatewayToken === undefined ? null : sha256(gatewayToken)

  /** Refuses a wrong gateway token; with 429 if its address sent too many. */
  const refuse = (request: IncomingMessage, response: ServerResponse): Promise<void> =>
    withRequest(
      async () => {
        const over: unknown = await ports.rateLimits.spend('wrong_gateway_tokens', addressOf(request)).catch((error: unknown) => error)
        if (over !== undefined && !(over instanceof AuraError)) throw over
        ports.refused(over?.extensions.code ?? 'UNAUTHENTICATED', '/v1/verify')
        if (!over) return answerText(response, 401, errorText('Send the gateway token as X-Aura-Gateway-Token.'))
        const { code, retryAfterMs, http } = over.extensions
        const fields = Object.entries(http?.headers ?? {}).flat()
        answerText(response, 429, JSON.stringify({ error: over.message, code, retryAfterMs }), fields)
      },
      null,
      addressOf(request),
      request,
    )

  const unknown = (response: ServerResponse, cause: unknown): void => {
    const reason = cause instanceof Undecided ? cause.reason : 'failed'
    // A failed statement is logged there, not again for each of its requests.
    if (!(cause instanceof Undecided)) ports.log.error({ error: (cause as Error).name }, 'a verification could not be decided')
    ports.metrics.undecided(reason)
    if (reason !== 'gone') answerText(response, 503, errorText('The server cannot know right now. Try again.'), ['retry-after', '1'])
  }

  return {
    known: verifier.known,
    ask: (key, instanceId, { socket }, fresh) => {
      const started = performance.now()
      return verifier.ask(key, instanceId, departuresOf(socket), fresh).finally(() => ports.metrics.asked(performance.now() - started))
    },
    unknown,
    admits: (request, response) => {
      if (!expected) return true
      const token = request.headers['x-aura-gateway-token']
      if (typeof token === 'string' && timingSafeEqual(sha256(token), expected)) return true
      refuse(request, response).catch((cause: unknown) => unknown(response, cause))
      return false
    },
    told: (outcome) => {
      ports.metrics.verified(outcome.code)
      if (outcome.code === 'VALID') lastUses.used(outcome.key.id, ports.clock.now())
      return outcome
    },
  }
}
