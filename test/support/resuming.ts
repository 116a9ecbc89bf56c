import { setTimeout as pause } from 'node:timers/promises'
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'

interface Answer {
  data?: { apiKeyChanged?: { version: number }; keyCounts?: Counts } | null
  errors?: { extensions: { code: string } }[]
}

export interface Counts {
  active: number
  expired: number
  orphaned: number
  revoked: number
  version: number
}

/** Where a client connects to, and as whom. */
export interface Target {
  /** The address for this attempt: another node each time. */
  url(attempt: number): string
  readonly authorization: string
}

/** One connection over WebSocket, until it ends; throws when it could not be made. */
function overWebSocket({ url, authorization }: { url: string; authorization: string }, payload: object, next: (answer: Answer) => void, leaving: AbortSignal) {
  return new Promise<void>((resolve) => {
    const client = createClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization },
      retryAttempts: 0,
    })
    leaving.addEventListener('abort', () => client.dispose())
    client.subscribe(payload as never, { next: (answer) => next(answer as unknown as Answer), error: () => resolve(), complete: () => resolve() })
  })
}

/** The same over server-sent events, where the id of the last event says from where to go on. */
async function overEvents(
  { url, authorization }: { url: string; authorization: string },
  payload: object,
  next: (answer: Answer) => void,
  leaving: AbortSignal,
  lastEventId: number | null,
): Promise<void> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      authorization,
      ...(lastEventId === null ? {} : { 'last-event-id': String(lastEventId) }),
    },
    body: JSON.stringify(payload),
    signal: leaving,
  })
  let text = ''
  for await (const part of response.body ?? []) {
    text += Buffer.from(part).toString()
    for (let cut = text.indexOf('\n\n'); cut >= 0; cut = text.indexOf('\n\n')) {
      const data = /^data: ?(.+)$/m.exec(text.slice(0, cut))?.[1]
      if (data) next(JSON.parse(data) as Answer)
      text = text.slice(cut + 2)
    }
  }
}

/** A client that comes back whenever it is cut off, to another node, and goes on from its last version. */
abstract class Resuming {
  readonly refusals: string[] = []
  connections = 0
  readonly #leaving = new AbortController()
  #running: Promise<void> = Promise.resolve()

  protected abstract payload(): object
  protected abstract take(answer: Answer): void
  protected lastEventId(): number | null {
    return null
  }

  start(transport: 'WebSocket' | 'SSE', target: Target, first: number): this {
    this.#running = (async () => {
      for (let attempt = first; !this.#leaving.signal.aborted; attempt++) {
        const here = new AbortController()
        const stop = (): void => here.abort()
        this.#leaving.signal.addEventListener('abort', stop)
        const at = { url: target.url(attempt), authorization: target.authorization }
        const next = (answer: Answer): void => {
          const code = answer.errors?.[0]?.extensions.code
          if (code === undefined) this.take(answer)
          else this.refusals.push(code)
        }
        this.connections++
        const open =
          transport === 'WebSocket'
            ? overWebSocket(at, this.payload(), next, here.signal)
            : overEvents(at, this.payload(), next, here.signal, this.lastEventId())
        await open.catch(() => undefined)
        this.#leaving.signal.removeEventListener('abort', stop)
        await pause(50 + Math.random() * 200)
      }
    })()
    return this
  }

  async stop(): Promise<void> {
    this.#leaving.abort()
    await this.#running
  }
}

/** Follows every change of a key and keeps the versions in the order in which they came. */
export class ResumingFeed extends Resuming {
  readonly versions: number[] = []
  readonly #start: number

  constructor(start: number) {
    super()
    this.#start = start
  }

  protected payload(): object {
    return {
      query: 'subscription ($after: Version) { apiKeyChanged(after: $after) { version kind apiKey { id } } }',
      variables: { after: this.versions.at(-1) ?? this.#start },
    }
  }
  protected take({ data }: Answer): void {
    if (data?.apiKeyChanged) this.versions.push(data.apiKeyChanged.version)
  }
  protected override lastEventId(): number | null {
    return this.versions.at(-1) ?? null
  }
}

/** Watches counts and drops what is not newer, as a portal does. */
export class ResumingBadge extends Resuming {
  shown: Counts | null = null

  protected payload(): object {
    return { query: 'subscription { keyCounts { active expired orphaned revoked version } }' }
  }
  protected take({ data }: Answer): void {
    const counts = data?.keyCounts
    if (counts && counts.version > (this.shown?.version ?? -1)) this.shown = counts
  }
}
