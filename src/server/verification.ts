import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { AuraError } from '../errors.ts'
import { isId } from '../ids.ts'
import type { Ports } from '../ports.ts'
import { type Departures, Undecided } from '../verification/lane.ts'
import type { LastUses } from '../verification/last-uses.ts'
import type { Lookups } from '../verification/lookups.ts'
import { type Outcome, verifyKey } from '../verification/verify-key.ts'
import { answerJson, readBody } from './body.ts'

export type VerificationRoute = (request: IncomingMessage, response: ServerResponse) => Promise<void>

const maxBodyBytes = 4_096

function parseBody(text: string): { key: string; instanceId: string } | null {
  try {
    const body: unknown = JSON.parse(text)
    const { key, instanceId } = (body ?? {}) as { key?: unknown; instanceId?: unknown }
    return typeof key === 'string' && typeof instanceId === 'string' && isId(instanceId, 'ins') ? { key, instanceId } : null
  } catch {
    return null
  }
}

function describe(outcome: Outcome): object {
  if (outcome.code !== 'VALID') return { valid: false, code: outcome.code }
  const { id, name, appId, instanceId, organizationId, createdById, expiresAt } = outcome.key
  return { valid: true, code: 'VALID', keyId: id, name, appId, instanceId, organizationId, createdBy: createdById, expiresAt: expiresAt.toISOString() }
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

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

/** Refuses a wrong gateway token; one of too many from its address by 429. */
async function refuseGateway(ports: Pick<Ports, 'rateLimits' | 'refused'>, address: string, response: ServerResponse): Promise<void> {
  const over: unknown = await ports.rateLimits.spend('wrong_gateway_tokens', address).catch((error: unknown) => error)
  if (over !== undefined && !(over instanceof AuraError)) throw over
  ports.refused(over?.extensions.code ?? 'UNAUTHENTICATED', '/v1/verify')
  if (!over) return answerJson(response, 401, { error: 'Send the gateway token as X-Aura-Gateway-Token.' })
  const { code, retryAfterMs, http } = over.extensions
  answerJson(response, 429, { error: over.message, code, retryAfterMs }, http?.headers)
}

/** `POST /v1/verify`: knows no GraphQL, and says 503 rather than guess. */
export function createVerificationRoute(
  ports: Pick<Ports, 'digests' | 'clock' | 'log' | 'metrics' | 'rateLimits' | 'refused'>,
  lookups: Pick<Lookups, 'record' | 'decided'>,
  lastUses: Pick<LastUses, 'used'>,
  gatewayToken: string | undefined,
  addressOf: (request: IncomingMessage) => string,
): VerificationRoute {
  const departuresOf = createDepartures()
  return async (request, response) => {
    if (request.method !== 'POST') return answerJson(response, 405, { error: 'Use POST.' }, { allow: 'POST' })
    const token = request.headers['x-aura-gateway-token']
    if (gatewayToken !== undefined && !(typeof token === 'string' && timingSafeEqual(sha256(token), sha256(gatewayToken)))) {
      return refuseGateway(ports, addressOf(request), response)
    }
    const body = await readBody(request, maxBodyBytes)
    if ('error' in body) return answerJson(response, body.status, { error: body.error }, body.status === 413 ? { connection: 'close' } : {})
    const input = parseBody(body.text)
    if (!input) return answerJson(response, 400, { error: 'Send {"key": "aura_…", "instanceId": "ins_…"} as JSON.' })
    if (request.socket.destroyed) return
    const keys = { record: (id: string) => lookups.record(input.key, id, departuresOf(request.socket)) }
    try {
      const outcome = await verifyKey({ ...ports, keys }, input)
      lookups.decided(input.key, outcome.code)
      ports.metrics.verified(outcome.code)
      if (outcome.code === 'VALID') lastUses.used(outcome.key.id, ports.clock.now())
      answerJson(response, 200, describe(outcome))
    } catch (error) {
      const reason = error instanceof Undecided ? error.reason : 'failed'
      // What came of a statement is logged there, not again for each who rode on it.
      if (!(error instanceof Undecided)) ports.log.error({ error: (error as Error).name }, 'a verification could not be decided')
      ports.metrics.undecided(reason)
      if (reason === 'gone') return
      answerJson(response, 503, { error: 'The server cannot know right now. Try again.' }, { 'retry-after': '1' })
    }
  }
}
