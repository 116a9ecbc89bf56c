import type { As, GraphQLAnswer, TestServer } from './server.ts'
import { type Stream, type Subscribe, transports } from './subscribe.ts'

/** What a client sends. */
export interface Sent {
  readonly query: string
  readonly variables?: object
  readonly operationName?: string
}

/** The first answer to an operation. A refused socket counts as UNAUTHENTICATED. */
export type Send = (at: TestServer, sent: Sent, as: As) => Promise<GraphQLAnswer<unknown>>

/** The `Authorization` value of whoever sends; null for nobody. */
export async function authorizationOf(at: TestServer, as: As): Promise<string | null> {
  if (as === null) return null
  return 'authorization' in as ? as.authorization : `Bearer ${await at.token(as.subject, as.organization)}`
}

export const overHttp: Send = async (at, sent, as) => {
  const response = await at.post(sent, as)
  const answer = (await response.json()) as GraphQLAnswer<unknown>
  const isUnauthenticated = answer.errors?.some((error) => error.extensions.code === 'UNAUTHENTICATED') ?? false
  if ((response.status === 401) !== isUnauthenticated) throw new Error(`the status ${response.status} does not fit ${JSON.stringify(answer)}`)
  return answer
}

/** A stream's first answer; then it is ended. */
export async function firstOf<Data>(stream: Stream<Data>): Promise<GraphQLAnswer<Data>> {
  const answer = await stream.next()
  await stream.end()
  if (!answer) throw new Error('the stream ended without an answer')
  return answer
}

const over =
  (subscribe: Subscribe): Send =>
  async (at, { query, variables = {}, operationName }, as) =>
    firstOf(subscribe(at, query, variables, await authorizationOf(at, as), operationName))

/** One operation, one answer, on each way that clients may take. */
export const everyTransport: Readonly<Record<'HTTP' | keyof typeof transports, Send>> = {
  HTTP: overHttp,
  WebSocket: over(transports.WebSocket),
  SSE: over(transports.SSE),
}
