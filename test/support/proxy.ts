import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

type Held = 'verification' | 'commits'

export interface TcpProxy {
  /** The URL that was given, through the proxy. */
  readonly url: string
  /** Ends all connections and refuses new ones, as a server that is down. */
  cut(): void
  /** Keeps all connections and takes new ones, but nothing goes through, as in a network that swallows packets. */
  swallow(): void
  /** From now on keeps each answer of the database back for so many milliseconds; `only`: those of verification, or those to a COMMIT. */
  hold(ms: number, only?: Held): void
  /** Ends whatever was made to fail; answers that are kept back already come when they are due. */
  restore(): void
  stop(): Promise<void>
}

/** What a client says first, without the settings that it asks for: all that is left is who it is and where it wants to. */
export function withoutSettings(first: Buffer): Buffer {
  const words = first.subarray(8).toString().split('\0')
  const kept = ['user', 'database'].flatMap((name) => (words.includes(name) ? [name, words[words.indexOf(name) + 1] ?? ''] : []))
  const message = Buffer.concat([first.subarray(0, 8), Buffer.from(`${kept.join('\0')}\0\0`)])
  message.writeInt32BE(message.length)
  return message
}

/** Stands in every statement of verification, and in no other. A connection that once had one has nothing else. */
const ofVerification = 'pg_is_in_recovery'
/** What the database says when something is committed. */
const committed = 'COMMIT\0'

/** A TCP proxy before the server at `url`, mostly a database, which can fail in the ways that a network does; `first` changes what each client says first. */
export async function startProxy(url: string, first = (said: Buffer): Buffer => said): Promise<TcpProxy> {
  const behind = new URL(url)
  const sockets = new Set<Socket>()
  let state: 'open' | 'cut' | 'swallowing' = 'open'
  let held: { readonly ms: number; readonly only: Held | undefined } = { ms: 0, only: undefined }
  const server = createServer((client) => {
    if (state === 'cut') return void client.destroy()
    const database = connect(Number(behind.port), behind.hostname)
    let rewrite: typeof first | null = first
    let verifies = false
    /** Answers that are kept back, in order. */
    let kept = 0
    let keeping = Promise.resolve()
    const answer = (part: Buffer): void => {
      const isMeant = held.only === undefined || (held.only === 'verification' ? verifies : part.includes(committed))
      const ms = isMeant ? held.ms : 0
      if (ms === 0 && kept === 0) return void client.write(part)
      const due = performance.now() + ms
      kept++
      keeping = keeping
        .then(() => pause(Math.max(0, due - performance.now())))
        .then(() => {
          kept--
          client.write(part)
        })
    }
    for (const [from, to] of [
      [client, database],
      [database, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => undefined)
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
    client.on('data', (part: Buffer) => {
      verifies ||= part.includes(ofVerification)
      const sent = rewrite ? rewrite(part) : part
      rewrite = null
      if (state === 'open') database.write(sent)
    })
    database.on('data', (part: Buffer) => {
      if (state === 'open') answer(part)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const through = new URL(url)
  through.port = String((server.address() as { port: number }).port)
  const endAll = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: through.href,
    cut: () => {
      state = 'cut'
      endAll()
    },
    swallow: () => {
      state = 'swallowing'
    },
    hold: (ms, only) => {
      held = { ms, only }
    },
    restore: () => {
      state = 'open'
      held = { ms: 0, only: undefined }
    },
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      endAll()
      await closed
    },
  }
}
