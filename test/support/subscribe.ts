import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import type { GraphQLAnswer, TestServer } from './server.ts'

export interface Stream<Data> {
  /** The next answer; null once the stream is over. */
  next(): Promise<GraphQLAnswer<Data> | null>
  end(): Promise<void>
}

/** A queue that answers are put in and taken from, in order. */
function queue<Data>(end: () => Promise<void>) {
  const held: (GraphQLAnswer<Data> | null)[] = []
  const waiting: ((answer: GraphQLAnswer<Data> | null) => void)[] = []
  const put = (answer: GraphQLAnswer<Data> | null): void => {
    const take = waiting.shift()
    if (take) take(answer)
    else held.push(answer)
  }
  const stream: Stream<Data> = {
    next: () => (held.length > 0 ? Promise.resolve(held.shift() ?? null) : new Promise((resolve) => waiting.push(resolve))),
    end,
  }
  return { put, stream }
}

const refused = <Data>(code: string): GraphQLAnswer<Data> => ({ errors: [{ message: code, extensions: { code } }] })

export type Subscribe = <Data>(server: TestServer, query: string, variables: object, authorization: string | null, operationName?: string) => Stream<Data>

/** A socket for many operations, through graphql-ws' client. One that is refused counts as UNAUTHENTICATED. Without work it stays open so long. */
export function openSocket(server: TestServer, authorization: string | null, lazyCloseTimeout = 600_000) {
  const client = createClient({
    url: `${server.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: authorization === null ? {} : { authorization },
    retryAttempts: 0,
    lazyCloseTimeout,
  })
  const subscribe = <Data>(query: string, variables: object, operationName?: string): Stream<Data> => {
    const { put, stream } = queue<Data>(async () => unsubscribe())
    const unsubscribe = client.subscribe(
      { query, variables: variables as Record<string, unknown>, ...(operationName === undefined ? {} : { operationName }) },
      {
        next: (answer) => put(answer as GraphQLAnswer<Data>),
        error: (error) => {
          put(
            Array.isArray(error)
              ? { errors: error }
              : (error as { code?: number }).code === 4403
                ? refused('UNAUTHENTICATED')
                : refused(`CLOSED ${(error as { code?: number }).code}`),
          )
          put(null)
        },
        complete: () => put(null),
      },
    )
    return stream
  }
  return { subscribe, close: () => client.dispose() }
}

export type Socket = ReturnType<typeof openSocket>

/** A subscription over a WebSocket of its own. */
export const overWebSocket: Subscribe = (server, query, variables, authorization, operationName) => {
  const { subscribe, close } = openSocket(server, authorization, 0)
  return { ...subscribe(query, variables, operationName), end: async () => close() }
}

/** A subscription over server-sent events. */
export const overEvents: Subscribe = <Data>(server: TestServer, query: string, variables: object, authorization: string | null, operationName?: string) => {
  const leaving = new AbortController()
  const { put, stream } = queue<Data>(async () => leaving.abort())
  const read = async (): Promise<void> => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...(authorization === null ? {} : { authorization }) },
      body: JSON.stringify({ query, variables, operationName }),
      signal: leaving.signal,
    })
    let text = ''
    for await (const part of response.body ?? []) {
      text += Buffer.from(part).toString()
      for (let cut = text.indexOf('\n\n'); cut >= 0; cut = text.indexOf('\n\n')) {
        const data = /^data: ?(.+)$/m.exec(text.slice(0, cut))?.[1]
        if (/^event: next$/m.test(text.slice(0, cut)) && data) put(JSON.parse(data))
        text = text.slice(cut + 2)
      }
    }
    if (text.trim().startsWith('{')) put(JSON.parse(text))
  }
  read()
    .catch((error: unknown) => {
      if (!leaving.signal.aborted) put({ errors: [{ message: String(error), extensions: { code: 'BROKEN' } }] })
    })
    .finally(() => put(null))
  return stream
}

export const transports = { WebSocket: overWebSocket, SSE: overEvents } as const
