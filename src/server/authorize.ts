import type { IncomingMessage, ServerResponse } from 'node:http'
import { isId } from '../ids.ts'
import type { Outcome } from '../verification/verifier.ts'
import { type Gateway, isFresh } from './gateway.ts'
import { answerText, errorText } from './lean.ts'
import type { Route } from './route.ts'

const wrongInstance = errorText(
  'Name one instance, once: by the query ?instance=ins_… or the header X-Aura-Instance, set by the gateway and never by its callers.',
)
const noKey = errorText('Send a key as "Authorization: Bearer aura_…" or "X-Api-Key: aura_…".')
const challenge = 'Bearer realm="aura-keys"'

/** The instance that the gateway names; null if it names no instance or two. */
function instanceOf({ url = '', headers }: IncomingMessage): string | null {
  const start = url.indexOf('?')
  const queried = start < 0 ? [] : new URLSearchParams(url.slice(start)).getAll('instance')
  // Node joins a header that is sent twice; the result is no id.
  const header = headers['x-aura-instance']
  const [instanceId = header] = queried
  const isOne = queried.length <= 1 && (header === undefined || header === instanceId)
  return isOne && instanceId !== undefined ? String(instanceId) : null
}

/** The key as the caller sent it; `X-Api-Key` wins, since `Authorization` may be meant for the application behind the gateway. */
function keyOf({ headers }: IncomingMessage): string | null {
  const header = headers['x-api-key']
  if (header !== undefined) return String(header)
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? null
}

function answer(response: ServerResponse, outcome: Outcome): void {
  if (outcome.code === 'VALID') {
    const { id, appId, instanceId, organizationId } = outcome.key
    const fields = ['x-aura-key-id', id, 'x-aura-app-id', appId, 'x-aura-instance-id', instanceId, 'x-aura-organization-id', organizationId]
    // No body: gateways do not read the body of a 200, and some close the connection if one comes.
    answerText(response, 200, '', fields)
  } else if (outcome.code === 'WRONG_INSTANCE') answerText(response, 403, outcome.json)
  else answerText(response, 401, outcome.json, ['www-authenticate', `${challenge}, error="invalid_token"`])
}

/**
 * `/v1/authorize`, any method: tells by status whether the caller of a gateway may pass, for nginx (`auth_request`), Caddy (`forward_auth`),
 * Traefik (`forwardAuth`) and Envoy (`ext_authz`). 200 with the ids in headers; 401 without a valid key, 403 for another instance.
 */
export const authorizeRoute =
  ({ known, ask, admits, told, unknown }: Gateway): Route =>
  (request, response) => {
    if (!admits(request, response)) return
    const instanceId = instanceOf(request)
    const key = keyOf(request)
    const fresh = isFresh(request)
    const outcome = instanceId && key && !fresh ? known(key, instanceId) : null
    // The id of another instance is not checked yet.
    if (outcome && outcome.code !== 'WRONG_INSTANCE') return answer(response, told(outcome))
    if (!instanceId || !isId(instanceId, 'ins')) return answerText(response, 400, wrongInstance)
    if (!key) return answerText(response, 401, noKey, ['www-authenticate', challenge])
    if (request.socket.destroyed) return
    ask(key, instanceId, request, fresh).then(
      (asked) => answer(response, told(asked)),
      (cause: unknown) => unknown(response, cause),
    )
  }
