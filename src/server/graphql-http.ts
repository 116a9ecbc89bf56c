import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Credential, Identity } from '../access/actor.ts'
import { runAs } from '../store/work.ts'
import { createTasks, createTurns } from '../turns.ts'
import { type Wanted, wantedBy } from './accept.ts'
import { refusedBatch } from './batch.ts'
import { answerJson, readBody } from './body.ts'
import type { Cookies } from './cookies.ts'
import { type Cors, refusedOrigin } from './cors.ts'
import { startDeadline } from './deadline.ts'
import type { EventStreams } from './event-stream.ts'
import { type GraphQLServer, maxBodyBytes, type ServerContext } from './graphql.ts'
import { isJson } from './kept-route.ts'
import { executedAnswer, keptAnswer, knownOperation } from './known-operations.ts'
import { readOperation } from './operation-request.ts'
import { isKnownOrigin, type Origins } from './origins.ts'
import type { Route } from './route.ts'

/** Refuses, with a GraphQL response, what never reaches GraphQL. */
function reject(response: ServerResponse, status: number, message: string, headers: Readonly<Record<string, string>> = {}): void {
  answerJson(response, status, { errors: [{ message, extensions: { code: 'QUERY_REJECTED' } }] }, headers)
}

const needed = '"authorization", "x-graphql-csrf" or "apollo-require-preflight"'

/** No page of another origin can add these headers to a request without asking first. */
const isMarked = ({ headers }: IncomingMessage): boolean => Boolean(headers['x-graphql-csrf'] || headers['apollo-require-preflight'])

/** Whether a GET is of a client that means it, and not of a link or an image: browsers send cookies with those too. */
const isDeliberate = (request: IncomingMessage): boolean =>
  isMarked(request) || (Boolean(request.headers.authorization) && request.headers.cookie === undefined)

/** Whether a browser opens a page. Such a request executes nothing. */
const isOfPage = (request: IncomingMessage): boolean => request.method === 'GET' && !isMarked(request) && wantedBy(request.headers.accept).html

/** Checks what GraphQL over HTTP requires before the body is read; responds and returns false if that is missing. */
function admissible(request: IncomingMessage, response: ServerResponse): boolean {
  const { method, headers } = request
  if (Number(headers['content-length'] ?? 0) > maxBodyBytes) reject(response, 413, `The body may have at most ${maxBodyBytes} bytes.`, { connection: 'close' })
  else if (method !== 'GET' && method !== 'POST') reject(response, 405, 'Use POST, or GET for queries.', { allow: 'GET, POST, OPTIONS' })
  else if (method === 'POST' && headers['content-encoding'] !== undefined) reject(response, 415, 'Send the body without a content encoding.')
  else if (method === 'POST' && !isJson(headers['content-type'])) reject(response, 415, 'Send JSON with the header "content-type: application/json".')
  else if (method === 'GET' && !isDeliberate(request)) {
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

/** The request in Yoga's form. Yoga's own adapter for Node lists every character of a body that was already read. Yoga reads no weights of `Accept`. */
function fetched({ yoga }: GraphQLServer, { url, method = 'GET', headers }: IncomingMessage, body: string, wanted: Wanted): Request {
  const { 'content-type': type, accept, ...others } = headers as Record<string, string>
  const wants = wanted.json ?? accept
  return new yoga.fetchAPI.Request(`http://localhost${url}`, {
    method,
    headers: { ...others, ...(wants === undefined ? {} : { accept: wants }), ...(method === 'POST' && type !== undefined ? { 'content-type': type } : {}) },
    ...(method === 'POST' ? { body } : {}),
  })
}

/** Answers as Yoga does, in one write. */
function answerText(response: ServerResponse, json: string, accepted: NonNullable<Wanted['json']>): void {
  if (response.destroyed) return
  const bytes = Buffer.byteLength(json)
  const type = `${accepted === '*/*' ? 'application/json' : accepted}; charset=utf-8`
  // ASCII is the same in both encodings, and latin1 is written together with the head.
  response.writeHead(200, { 'content-type': type, 'content-length': bytes }).end(json, bytes === json.length ? 'latin1' : 'utf8')
}

/** GraphQL over HTTP at its path: JSON, or events for clients that accept them. */
export function createGraphQLRoute(options: {
  graphql: GraphQLServer
  eventStreams: EventStreams
  /** GraphiQL, if there is one. */
  page: Route | null
  origins: Origins
  cookies: Cookies
  cors: Cors
}): (request: IncomingMessage, response: ServerResponse, failure?: unknown) => Promise<void> {
  const { graphql, eventStreams, page, origins, cookies, cors } = options
  const strangersTurn = createTurns()
  const inTurn = createTasks()

  async function answerEvents(request: IncomingMessage, response: ServerResponse, { body, identified }: Sent): Promise<void> {
    if (!isKnownOrigin(request.headers, origins)) return reject(response, 403, refusedOrigin)
    await eventStreams.answer(request, response, body, identified)
  }

  /** `failure`: what its sender was already refused with. */
  async function answerOnce(request: IncomingMessage, response: ServerResponse, sent: Sent, wanted: Wanted, failure: unknown): Promise<void> {
    let isStream = false
    const subscribes = (): void => {
      isStream = wanted.events !== 'never'
    }
    const context: ServerContext = { identified: sent.identified, subscribes, keeping: {} }
    if (failure !== undefined) {
      const counted = sent.identified.then((identity) => graphql.ports.authenticate(identity, failure))
      context.failure = await counted.catch((error: unknown) => error)
    }
    const { json } = wanted
    const isPost = request.method === 'POST'
    const operation = json && context.failure === undefined ? knownOperation(graphql, readOperation(request, sent.body), isPost) : null
    if (operation?.question && isPost) graphql.answers.remember(sent.body, operation.question)
    const kept = operation && (await keptAnswer(graphql, operation, context))
    if (kept && json) return inTurn(() => answerText(response, kept, json))
    const deadline = startDeadline(graphql.timeoutMs)
    response.once('close', deadline.gone)
    if (response.destroyed) deadline.gone()
    try {
      const executed =
        operation && context.failure === undefined && (await runAs(deadline.work, () => executedAnswer(graphql, operation, context, deadline.work)))
      if (executed && json) return answerText(response, executed, json)
      const answer = await runAs(deadline.work, async () => graphql.yoga.fetch(fetched(graphql, request, sent.body, wanted), context))
      const text = isStream ? '' : await answer.text()
      if (!isStream && !response.destroyed) response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(text)
    } finally {
      graphql.answers.end(context.keeping)
      deadline.end()
    }
    // Only the parsed document says that it is a subscription.
    if (isStream) await answerEvents(request, response, sent)
  }

  return async (request, response, failure) => {
    if (cors.answered(request, response)) return
    if (page && isOfPage(request)) return page(request, response)
    if (!admissible(request, response)) return
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
      if (refusedBatch(request, response, read.text)) return
      body = read.text
    }
    const wanted = wantedBy(request.headers.accept)
    const sent = { body, identified }
    if (wanted.events === 'all') await answerEvents(request, response, sent)
    else await answerOnce(request, response, sent, wanted, failure)
  }
}
