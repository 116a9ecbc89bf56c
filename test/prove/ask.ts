import { Agent, request } from 'node:http'

/** Longer than a server takes for any answer. */
const timeoutMs = 15_000
const agent = new Agent({ keepAlive: true })

/** What came of a request; null when no answer did. */
function post(url: string, path: string, body: string, headers: Record<string, string>): Promise<{ status: number; text: string } | null> {
  return new Promise((resolve) => {
    const sent = request(`${url}${path}`, { method: 'POST', agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) }, timeout: timeoutMs })
    sent.on('timeout', () => sent.destroy())
    sent.on('error', () => resolve(null))
    sent.on('response', (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => void parts.push(part))
      response.on('error', () => resolve(null))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }))
    })
    sent.end(body)
  })
}

/** The code of a verification; null when the node said 503 or nothing. */
export async function verify({ url }: { readonly url: string }, key: string, instanceId: string, fresh = false): Promise<string | null> {
  const answer = await post(url, '/v1/verify', JSON.stringify({ key, instanceId }), fresh ? { 'cache-control': 'no-cache' } : {})
  if (!answer || answer.status === 503) return null
  return answer.status === 200 ? (JSON.parse(answer.text) as { code: string }).code : `HTTP ${answer.status}`
}

/** What a mutation answered. `unknown`: nothing, or UNAVAILABLE: it may have been made. */
export type Answer<Data> = { readonly data: Data } | { readonly refused: string } | 'unknown'

export async function mutate<Data>({ url }: { readonly url: string }, authorization: string, query: string, variables: object): Promise<Answer<Data>> {
  const answer = await post(url, '/graphql', JSON.stringify({ query, variables }), { 'content-type': 'application/json', authorization })
  if (!answer || answer.status >= 500) return 'unknown'
  const { data, errors } = JSON.parse(answer.text) as { data?: Data; errors?: { extensions?: { code?: string } }[] }
  if (data && !errors) return { data }
  const code = errors?.[0]?.extensions?.code ?? `HTTP ${answer.status}`
  return code === 'UNAVAILABLE' ? 'unknown' : { refused: code }
}

export interface Propagation {
  readonly nodes: number
  readonly waitedMs: number
}

/** The mutations that are made, and what their `variables` are called. */
export const mutations = {
  create:
    'mutation ($instanceId: ID!, $expiresAt: DateTime!) { made: createApiKey(input: { instanceId: $instanceId, name: "key", expiresAt: $expiresAt }) { plaintext apiKey { id } } }',
  instance: 'mutation ($appId: ID!, $name: String!) { made: createAppInstance(input: { appId: $appId, name: $name }) { instance { id } } }',
  member: 'mutation ($subject: String!) { made: addMember(input: { subject: $subject, name: $subject, role: AURA_OWNER }) { member { id } } }',
  revocation: 'mutation ($id: ID!) { made: revokeApiKey(input: { id: $id, acknowledged: true }) { propagation { nodes waitedMs } } }',
  deletion: 'mutation ($id: ID!) { made: deleteAppInstance(input: { id: $id, acknowledged: true }) { propagation { nodes waitedMs } } }',
  removal: 'mutation ($id: ID!) { made: removeMember(input: { id: $id, acknowledged: true }) { propagation { nodes waitedMs } } }',
} as const
