import type { WebSocket } from 'ws'
import type { Actor, Identity } from '../access/actor.ts'
import type { Deadline } from './deadline.ts'
import type { Wire } from './live.ts'

/** The standard code for: come back later. Clients do so themselves, and continue from their last version. */
export const tryAgainLater = 1013

/** What the hooks know of a socket. */
export interface Connection {
  readonly socket: WebSocket
  /** The identity from its credential. */
  identity: Identity | null
  /** Its address, as limits count it. */
  readonly address: string
  /** The value of the session's cookie at the upgrade, where it counts. */
  readonly session: string | undefined
  /** The header of the upgrade, which programs can send. */
  readonly authorization: string | undefined
  actor: Actor | null
  /** Ends the wait for the acknowledgement. */
  acknowledged(): void
  /** Running operations by id: also those that the client completed during preparation, which graphql-ws no longer knows. */
  readonly running: Map<string, SocketWire>
}

/** Takes the answers of one operation of a socket. */
export interface SocketWire extends Wire {
  readonly deadline: Deadline
  /** The hub writes to the socket; graphql-ws gets a stream that yields nothing, and ends with the subscription. */
  readonly stream: AsyncGenerator<never>
  /** Sets how to leave the subscription. */
  joined(leave: () => void): void
  /** Stops the answers, whichever side ends first. */
  stop(): void
}

/** Writes the answers of one operation to the socket, until either side ends it. */
export function createWire({ socket, running }: Connection, id: string, deadline: Deadline): SocketWire {
  const head = `{"id":${JSON.stringify(id)},"type":"next","payload":`
  let leave: (() => void) | null = null
  let isOver = false
  let end: () => void = () => undefined
  const ended = new Promise<IteratorResult<never>>((resolve) => {
    end = () => resolve({ done: true, value: undefined })
  })
  const stop = (): void => {
    if (isOver) return
    isOver = true
    running.delete(id)
    deadline.gone()
    deadline.end()
    leave?.()
    end()
  }
  const stopped = (): Promise<IteratorResult<never>> => {
    stop()
    return ended
  }
  const stream = { [Symbol.asyncIterator]: () => stream, next: () => ended, return: stopped, throw: stopped } as unknown as AsyncGenerator<never>
  const wire: SocketWire = {
    deadline,
    stream,
    stop,
    joined: (how) => {
      leave = how
      if (isOver) how()
    },
    write: (json) => socket.send(`${head}${json}}`),
    get waitingBytes() {
      return socket.bufferedAmount
    },
    // A ping is written after all waiting data; it fails on a socket that closes.
    drained: () => new Promise((resolve) => socket.ping(undefined, undefined, (error?: Error | null) => resolve(!error && socket.readyState === socket.OPEN))),
    finish: (complete) => (complete ? stop() : socket.close(tryAgainLater, 'You read too slowly: come back and go on from your last version')),
  }
  running.set(id, wire)
  return wire
}
