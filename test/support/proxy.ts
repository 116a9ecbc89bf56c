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

/** A TCP proxy before the database at `url`, which can fail in the ways that a network does. */
export async function startProxy(url: string): Promise<TcpProxy> {
  const behind = new URL(url)
  const sockets = new Set<Socket>()
  let state: 'open' | 'cut' | 'swallowing' = 'open'
  const server = createServer((client) => {
    if (state === 'cut') return void client.destroy()
    const database = connect(Number(behind.port), behind.hostname)
    for (const [from, to] of [
      [client, database],
      [database, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (part) => void (state === 'open' && to.write(part)))
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
