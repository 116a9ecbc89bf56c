/** A key that opens the instance, and whose it is. */
export interface ValidKey {
  readonly valid: true
  readonly code: 'VALID'
  readonly keyId: string
  readonly name: string
  readonly appId: string
  readonly instanceId: string
  readonly organizationId: string
  readonly createdBy: string
  readonly expiresAt: string
}

/** A key that does not, and why. */
export interface RefusedKey {
  readonly valid: false
  readonly code: 'MALFORMED' | 'NOT_FOUND' | 'WRONG_INSTANCE' | 'REVOKED' | 'ORPHANED' | 'EXPIRED'
}

export interface VerifierOptions {
  /** Where aura-keys is, such as `http://127.0.0.1:4000`. */
  readonly url: string
  /** The `GATEWAY_TOKEN` of the server. Without it none is sent. */
  readonly gatewayToken?: string | undefined
  /** How long to wait for an answer, in milliseconds; 3,000 by default. The server gives up after 2,000, so less loses its reason. */
  readonly timeoutMs?: number
  /** Is told why, whenever it cannot be known whether a key is valid; for logs. */
  readonly onUnknown?: (reason: unknown) => void
}

export interface Verifier {
  /** Asks the server, every time. Throws when it cannot be known whether the key is valid: then nobody may pass. */
  verify(key: string, instanceId: string): Promise<ValidKey | RefusedKey>
}

/** Asks over `fetch`, whose connections stay open between questions. Keeps no answers, so that a revoked key is refused at once. */
export function createVerifier({ url, gatewayToken, timeoutMs = 3_000, onUnknown }: VerifierOptions): Verifier {
  const route = new URL('/v1/verify', url)
  const headers = { 'content-type': 'application/json', ...(gatewayToken === undefined ? {} : { 'x-aura-gateway-token': gatewayToken }) }
  const ask: Verifier['verify'] = async (key, instanceId) => {
    const body = JSON.stringify({ key, instanceId })
    const response = await fetch(route, { method: 'POST', headers, body, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) })
    // Read whatever the status is: a connection with an unread answer is not used again.
    const text = await response.text()
    // No key is that long.
    if (response.status === 413) return { valid: false, code: 'MALFORMED' }
    if (response.status !== 200) throw new Error(`aura-keys answered ${response.status}`)
    const answer = JSON.parse(text) as ValidKey | RefusedKey
    if (answer.valid === true ? answer.instanceId === instanceId : answer.valid === false) return answer
    throw new Error('this is no answer of aura-keys')
  }
  return {
    verify: async (key, instanceId) => {
      try {
        return await ask(key, instanceId)
      } catch (reason) {
        onUnknown?.(reason)
        throw reason
      }
    },
  }
}

type Header = string | string[] | undefined

interface Refusal {
  readonly valid: false
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: { readonly error: string; readonly code?: string }
}

const challenge = 'Bearer realm="aura-keys"'
const refusal = (status: number, error: string, headers: Record<string, string> = {}, code?: string): Refusal => ({
  valid: false,
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', ...headers },
  body: code === undefined ? { error } : { error, code },
})

/** As `/v1/authorize` decides. `X-Api-Key` wins, since `Authorization` may be meant for the application. */
async function admit(verifier: Verifier, instanceId: string, apiKey: Header, authorization: Header): Promise<ValidKey | Refusal> {
  const key = apiKey === undefined ? /^Bearer +(\S+)$/i.exec(String(authorization))?.[1] : String(apiKey)
  if (!key) return refusal(401, 'Send a key as "Authorization: Bearer aura_…" or "X-Api-Key: aura_…".', { 'www-authenticate': challenge })
  try {
    const answer = await verifier.verify(key, instanceId)
    if (answer.valid) return answer
    if (answer.code === 'WRONG_INSTANCE') return refusal(403, 'This key does not open this.', {}, answer.code)
    return refusal(401, 'This key is not valid.', { 'www-authenticate': `${challenge}, error="invalid_token"` }, answer.code)
  } catch {
    return refusal(503, 'Whether this key is valid cannot be known right now. Try again.', { 'retry-after': '1' })
  }
}

interface NodeRequest {
  readonly headers: Readonly<Record<string, Header>>
  auraKey?: ValidKey
}
interface NodeResponse {
  writeHead(status: number, headers: Record<string, string>): { end(text: string): unknown }
}

/** For Express, Connect and plain `node:http`: calls `next` with `request.auraKey`, or answers 401, 403 or 503 and calls nothing. */
export const express =
  (verifier: Verifier, instanceId: string) =>
  async (request: NodeRequest, response: NodeResponse, next: () => void): Promise<void> => {
    const admitted = await admit(verifier, instanceId, request.headers['x-api-key'], request.headers['authorization'])
    if (!admitted.valid) return void response.writeHead(admitted.status, admitted.headers).end(JSON.stringify(admitted.body))
    request.auraKey = admitted
    next()
  }

interface FastifyReply {
  code(status: number): FastifyReply
  headers(headers: Record<string, string>): FastifyReply
  send(body: object): unknown
}

/** For Fastify, as a hook `onRequest`: sets `request.auraKey`, or answers. */
export const fastify =
  (verifier: Verifier, instanceId: string) =>
  async (request: NodeRequest, reply: FastifyReply): Promise<unknown> => {
    const admitted = await admit(verifier, instanceId, request.headers['x-api-key'], request.headers['authorization'])
    if (!admitted.valid) return reply.code(admitted.status).headers(admitted.headers).send(admitted.body)
    request.auraKey = admitted
    return undefined
  }

interface HonoContext {
  readonly req: { header(name: string): string | undefined }
  set(name: 'auraKey', key: ValidKey): void
}

/** For Hono: sets `auraKey` of the context, or answers. */
export const hono =
  (verifier: Verifier, instanceId: string) =>
  async (context: HonoContext, next: () => Promise<void>): Promise<Response | undefined> => {
    const admitted = await admit(verifier, instanceId, context.req.header('x-api-key'), context.req.header('authorization'))
    if (!admitted.valid) return new Response(JSON.stringify(admitted.body), { status: admitted.status, headers: admitted.headers })
    context.set('auraKey', admitted)
    await next()
    return undefined
  }
