/** A key that opens the instance, and its owners. */
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

/** A refused key and the reason. */
export interface RefusedKey {
  readonly valid: false
  readonly code: 'MALFORMED' | 'NOT_FOUND' | 'WRONG_INSTANCE' | 'REVOKED' | 'ORPHANED' | 'EXPIRED'
}

export interface VerifierOptions {
  /** URL of aura-keys, such as `http://127.0.0.1:4000`. */
  readonly url: string
  /** The `GATEWAY_TOKEN` of the server; not sent by default. */
  readonly gatewayToken?: string | undefined
  /** Response timeout in milliseconds; 3,000 by default. The server gives up after 2,000, so a shorter timeout loses its reason. */
  readonly timeoutMs?: number
  /** Gets the reason if it is unknown whether a key is valid; for logs. */
  readonly onUnknown?: (reason: unknown) => void
}

export interface Verifier {
  /** Asks the server every time. Throws if it is unknown whether the key is valid: then refuse the request. */
  verify(key: string, instanceId: string): Promise<ValidKey | RefusedKey>
}

/** Uses `fetch`, whose connections stay open between requests. Keeps no results, so that a revoked key is refused at once. */
export function createVerifier({ url, gatewayToken, timeoutMs = 3_000, onUnknown }: VerifierOptions): Verifier {
  const route = new URL('/v1/verify', url)
  const headers = { 'content-type': 'application/json', ...(gatewayToken === undefined ? {} : { 'x-aura-gateway-token': gatewayToken }) }
  const ask: Verifier['verify'] = async (key, instanceId) => {
    const body = JSON.stringify({ key, instanceId })
    const response = await fetch(route, { method: 'POST', headers, body, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) })
    // Reads the body for every status: a connection with an unread body is not reused.
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

/** Same rules as `/v1/authorize`. `X-Api-Key` wins, since `Authorization` may belong to the application. */
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

/** For Express, Connect and plain `node:http`: sets `request.auraKey` and calls `next`, or responds with 401, 403 or 503. */
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

/** For Fastify's `onRequest` hook: sets `request.auraKey`, or responds. */
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

/** For Hono: sets the context's `auraKey`, or responds. */
export const hono =
  (verifier: Verifier, instanceId: string) =>
  async (context: HonoContext, next: () => Promise<void>): Promise<Response | undefined> => {
    const admitted = await admit(verifier, instanceId, context.req.header('x-api-key'), context.req.header('authorization'))
    if (!admitted.valid) return new Response(JSON.stringify(admitted.body), { status: admitted.status, headers: admitted.headers })
    context.set('auraKey', admitted)
    await next()
    return undefined
  }
