import { SignJWT } from 'jose'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import { authSecret, type TestServer } from '../support/server.ts'

/** A token with any claims beside its subject, of this server's time. */
export const sign = ({ time }: TestServer, sub: string, claims: object = {}, secret = authSecret): Promise<string> =>
  new SignJWT({ iss: 'aura-keys', sub, exp: Math.floor(time.now.getTime() / 1000) + 3600, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret))

export const refused = 'refused'
export const nameOne = 'name an organization'
/** The texts of the two refusals; a socket's are the reason of its close. */
const texts: Readonly<Record<string, string>> = {
  'Send a valid, unexpired token of a member of an organization as "Authorization: Bearer …".': refused,
  'Name an organization, its id or slug: by the claim "org" of the token, the header X-Aura-Organization, or over WebSocket "organization" in connection_init.':
    nameOne,
  'UNAUTHENTICATED 4403 Forbidden': refused,
  'UNAUTHENTICATED 4403 Name an organization, its id or slug: "organization" in connection_init, or the claim of the token': nameOne,
}

interface Answer {
  readonly data?: { viewer?: { organization: { slug: string } }; keyCounts?: { total: number } } | null
  readonly errors?: readonly { message: string; extensions: { code: string } }[]
}

/** The slug of the organization that an operation acted in, as many keys as `a` has being one and the others none; else how it was refused. */
function outcome({ data, errors }: Answer): string {
  const [error] = errors ?? []
  if (error) return error.extensions.code === 'UNAUTHENTICATED' ? (texts[error.message] ?? error.message) : error.extensions.code
  return data?.viewer?.organization.slug ?? (data?.keyCounts?.total === 1 ? 'a' : 'b')
}

const query = '{ viewer { organization { slug } } }'
const subscription = 'subscription { keyCounts { total } }'

type Way = (at: TestServer, token: string, named?: unknown) => Promise<string>

const headersOf = (named: unknown): Record<string, string> => (named === undefined ? {} : { 'x-aura-organization': String(named) })

export const overHttp: Way = async (at, token, named) =>
  outcome((await (await at.post({ query }, { authorization: `Bearer ${token}` }, headersOf(named))).json()) as Answer)

const overSocket =
  (text: string): Way =>
  async (at, token, named) => {
    const socket = new WebSocket(`${at.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'])
    const say = (message: object): void => socket.send(JSON.stringify(message))
    const answer = await new Promise<Answer>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('open', () =>
        say({ type: 'connection_init', payload: { authorization: `Bearer ${token}`, ...(named === undefined ? {} : { organization: named }) } }),
      )
      socket.on('message', (bytes) => {
        const { type, payload } = JSON.parse(String(bytes)) as { type: string; payload: never }
        if (type === 'connection_ack') say({ id: '1', type: 'subscribe', payload: { query: text } })
        if (type === 'next') resolve(payload)
        if (type === 'error') resolve({ errors: payload })
      })
      socket.on('close', (code, reason) =>
        resolve({
          errors: [{ message: `UNAUTHENTICATED ${code} ${String(reason)}`, extensions: { code: code === 4403 ? 'UNAUTHENTICATED' : `CLOSED ${code}` } }],
        }),
      )
    })
    socket.terminate()
    return outcome(answer)
  }

const overEvents =
  (text: string): Way =>
  async (at, token, named) => {
    const leaving = new AbortController()
    const response = await fetch(`${at.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${token}`, ...headersOf(named) },
      body: JSON.stringify({ query: text }),
      signal: leaving.signal,
    })
    let received = ''
    for await (const part of response.body ?? []) {
      received += Buffer.from(part).toString()
      if (/^data: \{.*\}$/m.test(received) || received.endsWith('}')) break
    }
    leaving.abort()
    return outcome(JSON.parse(/^data: (\{.*\})$/m.exec(received)?.[1] ?? received) as Answer)
  }

export const ways: Readonly<Record<string, Way>> = {
  HTTP: overHttp,
  WebSocket: overSocket(query),
  'a subscription over WebSocket': overSocket(subscription),
  SSE: overEvents(query),
  'a subscription over SSE': overEvents(subscription),
}

/** Expects the same on every way and every node. */
export async function expectAll(nodes: readonly TestServer[], token: string, named: unknown, expected: string): Promise<void> {
  const asked = nodes.flatMap((node, index) => Object.entries(ways).map(([way, ask]) => ({ at: `${way}, node ${index}`, answer: ask(node, token, named) })))
  const answers = await Promise.all(asked.map(async ({ at, answer }) => [at, await answer]))
  expect({ named, answers }).toEqual({ named, answers: answers.map(([at]) => [at, expected]) })
}
