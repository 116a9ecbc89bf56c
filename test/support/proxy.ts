import { connect, createServer, type Socket } from 'node:net'

export interface TcpProxy {
  /** The URL that was given, through the proxy. */
  readonly url: string
  /** Ends all connections and refuses new ones, as a server that is down. */
  cut(): void
  /** Keeps all connections and takes new ones, but nothing goes through, as in a network that swallows packets. */
  swallow(): void
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

/** A TCP proxy before the database at `url`, which can fail in the ways that a network does; `first` changes what each client says first. */
export async function startProxy(url: string, first = (said: Buffer): Buffer => said): Promise<TcpProxy> {
  const behind = new URL(url)
  const sockets = new Set<Socket>()
  let state: 'open' | 'cut' | 'swallowing' = 'open'
  const server = createServer((client) => {
    if (state === 'cut') return void client.destroy()
    const database = connect(Number(behind.port), behind.hostname)
    let rewrite: typeof first | null = first
    for (const [from, to] of [
      [client, database],
      [database, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (part: Buffer) => {
        const sent = from === client && rewrite ? rewrite(part) : part
        if (from === client) rewrite = null
        if (state === 'open') to.write(sent)
      })
      from.on('error', () => undefined)
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
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
    restore: () => {
      state = 'open'
    },
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      endAll()
      await closed
    },
  }
}
