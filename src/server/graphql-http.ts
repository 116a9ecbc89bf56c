import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Credential, Identity } from '../access/actor.ts'
import { runAs } from '../store/work.ts'
import { type Wanted, wantedBy } from './accept.ts'
import { answerJson, readBody } from './body.ts'
import type { Cookies } from './cookies.ts'
import { startDeadline } from './deadline.ts'
import type { EventStreams } from './event-stream.ts'
import { type GraphQLServer, maxBodyBytes } from './graphql.ts'
import { isKnownOrigin, type Origins } from './origins.ts'
import { createTurns } from './turns.ts'

/** Refuses, with a GraphQL response, what never reaches GraphQL. */
function reject(response: ServerResponse, status: number, message: string, headers: Readonly<Record<string, string>> = {}): void {
  answerJson(response, status, { errors: [{ message, extensions: { code: 'QUERY_REJECTED' } }] }, headers)
}

const isJson = (type: string | undefined): boolean => /^application\/(graphql\+)?json(\s*;\s*charset="?utf-?8"?)?\s*$/i.test(type ?? '')

const needed = '"authorization", "x-graphql-csrf" or "apollo-require-preflight"'

/** No page of another origin can add these headers to a request without asking first. */
const isMarked = ({ headers }: IncomingMessage): boolean => Boolean(headers['x-graphql-csrf'] || headers['apollo-require-preflight'])

/** Whether a GET is of a client that means it, and not of a link or an image: browsers send cookies with those too. */
const isDeliberate = (request: IncomingMessage): boolean =>
  isMarked(request) || (Boolean(request.headers.authorization) && request.headers.cookie === undefined)

/** Whether a browser opens GraphiQL. Such a request executes nothing. */
const isPage = (request: IncomingMessage, production: boolean): boolean =>
  request.method === 'GET' && !production && !isMarked(request) && wantedBy(request.headers.accept).html

/** Checks what GraphQL over HTTP requires before the body is read; responds and returns false if that is missing. */
function admissible(request: IncomingMessage, response: ServerResponse, production: boolean): boolean {
  const { method, headers } = request
  if (Number(headers['content-length'] ?? 0) > maxBodyBytes) reject(response, 413, `The body may have at most ${maxBodyBytes} bytes.`, { connection: 'close' })
  else if (method === 'OPTIONS') return true
  else if (method !== 'GET' && method !== 'POST') reject(response, 405, 'Use POST, or GET for queries.', { allow: 'GET, POST, OPTIONS' })
  else if (method === 'POST' && headers['content-encoding'] !== undefined) reject(response, 415, 'Send the body without a content encoding.')
  else if (method === 'POST' && !isJson(headers['content-type'])) reject(response, 415, 'Send JSON with the header "content-type: application/json".')
  else if (method === 'GET' && !isPage(request, production) && !isDeliberate(request)) {
    reject(response, 400, `A GET needs one of the headers ${needed}; with a cookie one of the last two.`)
  } else return true
  return false
}

/** Executed for a client without a valid credential, if it comes to that: its own text is not read, however long it is. */
const nothing = '{"query":"{ __typename }"}'

interface Sent {
  readonly body: string
  /** Checked; throws where it is awaited. */
  readonly identified: Promise<Identity>
}

function credentialOf(request: IncomingMessage, cookies: Cookies): Credential {
  const organization = request.headers['x-aura-organization']
  return {
    authorization: request.headers.authorization,
    organization: typeof organization === 'string' ? organization : undefined,
    session: cookies.read(request),
  }
}

/** What is wanted by who opens GraphiQL, whatever else a browser lists. */
const page: Wanted = { json: null, events: 'never', html: true }

/** The request in Yoga's form. Yoga's own adapter for Node lists every character of a body that was already read. Yoga reads no weights of `Accept`. */
function fetched({ yoga }: GraphQLServer, { url, method = 'GET', headers }: IncomingMessage, body: string, wanted: Wanted): Request {
  const { 'content-type': type, accept, ...others } = headers as Record<string, string>
  const wants = wanted.json ?? (wanted.html ? 'text/html' : accept)
  return new yoga.fetchAPI.Request(`http://localhost${url}`, {
    method,
    headers: { ...others, ...(wants === undefined ? {} : { accept: wants }), ...(method === 'POST' && type !== undefined ? { 'content-type': type } : {}) },
    ...(method === 'POST' ? { body } : {}),
  })
}

/** GraphQL over HTTP at its path: JSON, or events for clients that accept them. */
export function createGraphQLRoute(options: {
  graphql: GraphQLServer
  eventStreams: EventStreams
  production: boolean
  origins: Origins
  cookies: Cookies
}): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { graphql, eventStreams, production, origins, cookies } = options
  const strangersTurn = createTurns()

  async function answerEvents(request: IncomingMessage, response: ServerResponse, { body, identified }: Sent): Promise<void> {
    const { origin } = request.headers
    if (!isKnownOrigin(request.headers, origins)) return reject(response, 403, 'Pages of this origin may not read events here: see ALLOWED_ORIGINS.')
    if (origin !== undefined && origins.allowed.includes(origin)) response.setHeader('access-control-allow-origin', origin).setHeader('vary', 'origin')
    await eventStreams.answer(request, response, body, identified)
  }

  async function answerOnce(request: IncomingMessage, response: ServerResponse, sent: Sent, wanted: Wanted): Promise<void> {
    const deadline = startDeadline(graphql.timeoutMs)
    response.once('close', deadline.gone)
    let isStream = false
    const subscribes = (): void => {
      isStream = wanted.events !== 'never'
    }
    try {
      const answer = await runAs(deadline.work, async () =>
        graphql.yoga.fetch(fetched(graphql, request, sent.body, wanted), { identified: sent.identified, subscribes }),
      )
      const text = isStream ? '' : await answer.text()
      if (!isStream && !response.destroyed) response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(text)
    } finally {
      deadline.end()
    }
    // Only the parsed document says that it is a subscription.
    if (isStream) await answerEvents(request, response, sent)
  }

  return async (request, response) => {
    if (!admissible(request, response, production)) return
    const identified = graphql.ports.identify(credentialOf(request, cookies))
    const isKnown = await identified.then(
      () => true,
      () => strangersTurn().then(() => false),
    )
    let body = nothing
    if (request.method === 'POST' && isKnown) {
      const read = await readBody(request, maxBodyBytes)
      if ('error' in read) return reject(response, read.status, read.error, { connection: 'close' })
      if (read.text === '') return reject(response, 400, 'The body is empty: send {"query": "…"} as JSON.')
      body = read.text
    }
    const wanted = wantedBy(request.headers.accept)
    const sent = { body, identified }
    if (wanted.events === 'all' && request.method !== 'OPTIONS' && !isPage(request, production)) await answerEvents(request, response, sent)
    else await answerOnce(request, response, sent, isPage(request, production) ? page : wanted)
  }
}
