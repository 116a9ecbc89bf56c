import { request } from 'node:http'
import { WebSocket } from 'ws'
import type { GraphQLAnswer, TestServer } from './server.ts'

/** A subscription without a client library: everything that came over the line, and how it ended. */
export interface Line<Data = unknown> {
  /** What each answer held, in order; an error that a socket was sent instead of one counts as an answer. */
  readonly answers: GraphQLAnswer<Data>[]
  /** Each message or event, as it came. */
  readonly texts: string[]
  /** Comments of an event stream; a socket has none. */
  readonly comments: number
  /** Whether the server said that nothing more comes. */
  readonly isComplete: boolean
  /** A socket's close code; of a stream whether it was complete, or broke off. */
  readonly ended: Promise<number | 'complete' | 'broken off'>
  pause(): void
  resume(): void
  /** Breaks off. */
  leave(): void
  /** Says goodbye; of a stream nothing but breaking off is known. */
  close(): void
}

export type OpenLine = <Data>(server: Pick<TestServer, 'url'>, query: string, variables: object, authorization: string) => Line<Data>

const socketLine: OpenLine = <Data>({ url }: Pick<TestServer, 'url'>, query: string, variables: object, authorization: string): Line<Data> => {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'])
  const answers: GraphQLAnswer<Data>[] = []
  const texts: string[] = []
  let isComplete = false
  const say = (message: object): void => socket.send(JSON.stringify(message))
  socket.on('error', () => undefined)
  socket.once('open', () => say({ type: 'connection_init', payload: { authorization } }))
  socket.on('message', (bytes) => {
    const text = String(bytes)
    const message = JSON.parse(text) as { type: string; payload: never }
    if (message.type === 'connection_ack') say({ id: '1', type: 'subscribe', payload: { query, variables } })
    if (message.type === 'next') answers.push(message.payload)
    if (message.type === 'error') answers.push({ errors: message.payload })
    if (message.type === 'complete') isComplete = true
    if (message.type !== 'connection_ack') texts.push(text)
  })
  return {
    answers,
    texts,
    comments: 0,
    get isComplete() {
      return isComplete
    },
    ended: new Promise((resolve) => socket.once('close', resolve)),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    leave: () => socket.terminate(),
    close: () => socket.close(1000),
  }
}

const streamLine: OpenLine = <Data>({ url }: Pick<TestServer, 'url'>, query: string, variables: object, authorization: string): Line<Data> => {
  const answers: GraphQLAnswer<Data>[] = []
  const texts: string[] = []
  let [comments, isComplete, isPaused, rest] = [0, false, false, '']
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream', authorization }
  const sent = request(`${url}/graphql`, { method: 'POST', headers, agent: false })
  const take = (part: Buffer): void => {
    rest += part.toString()
    for (let cut = rest.indexOf('\n\n'); cut >= 0; cut = rest.indexOf('\n\n')) {
      const text = rest.slice(0, cut)
      rest = rest.slice(cut + 2)
      if (text.startsWith(':')) comments++
      else texts.push(text)
      if (text.startsWith('event: complete')) isComplete = true
      else if (text.startsWith('event: next')) answers.push(JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? '') as GraphQLAnswer<Data>)
    }
  }
  let pauseOrResume: () => void = () => undefined
  const ended = new Promise<'complete' | 'broken off'>((resolve) => {
    const end = (): void => resolve(isComplete ? 'complete' : 'broken off')
    sent.on('error', end)
    sent.once('response', (response) => {
      response.on('data', take).on('error', end).on('close', end)
      pauseOrResume = () => (isPaused ? response.pause() : response.resume())
      pauseOrResume()
    })
  })
  sent.end(JSON.stringify({ query, variables }))
  const set = (paused: boolean) => (): void => {
    isPaused = paused
    pauseOrResume()
  }
  return {
    answers,
    texts,
    get comments() {
      return comments
    },
    get isComplete() {
      return isComplete
    },
    ended,
    pause: set(true),
    resume: set(false),
    leave: () => void sent.destroy(),
    close: () => void sent.destroy(),
  }
}

export const lines = { WebSocket: socketLine, SSE: streamLine } as const
