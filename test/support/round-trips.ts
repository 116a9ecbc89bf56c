import { connect, createServer, type Socket } from 'node:net'

export interface Counter {
  /** The URL that was given, through what counts. */
  readonly url: string
  /** How often who changed something has waited for the database, from BEGIN to COMMIT, for each change since the last call. */
  taken(): number[]
  stop(): void
}

/** Returns what finds the messages of PostgreSQL's protocol in the parts of a stream; the first of a client has no type. */
function createReader(hasFirst: boolean): (part: Buffer) => [type: string, body: string][] {
  let rest = Buffer.alloc(0)
  let isFirst = hasFirst
  return (part) => {
    rest = Buffer.concat([rest, part])
    const found: [string, string][] = []
    for (;;) {
      const head = isFirst ? 0 : 1
      const end = rest.length < head + 4 ? Number.POSITIVE_INFINITY : head + rest.readInt32BE(head)
      if (end > rest.length) return found
      if (!isFirst) found.push([String.fromCharCode(rest[0] ?? 0), rest.toString('latin1', head + 4, end)])
      isFirst = false
      rest = rest.subarray(end)
    }
  }
}

/** Counts, before a PostgreSQL, how often a change sends something when all that it sent before is answered. */
export async function countRoundTrips(url: string): Promise<Counter> {
  const behind = new URL(url)
  const sockets = new Set<Socket>()
  let counts: number[] = []
  const server = createServer((client) => {
    const database = connect(Number(behind.port), behind.hostname)
    for (const socket of [client, database]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        client.destroy()
        database.destroy()
      })
    }
    const [said, answered] = [createReader(true), createReader(false)]
    let underWay = 0
    let trips: number | null = null
    client.on('data', (part: Buffer) => {
      for (const [type, body] of said(part)) {
        // A query of its own, or the end of a statement.
        if (type !== 'Q' && type !== 'S') continue
        if (body.startsWith('BEGIN')) trips = 0
        if (trips !== null && underWay === 0) trips++
        underWay++
        if (trips === null || !/^(COMMIT|ROLLBACK)/.test(body)) continue
        counts.push(trips)
        trips = null
      }
      database.write(part)
    })
    database.on('data', (part: Buffer) => {
      for (const [type] of answered(part)) if (type === 'Z') underWay = Math.max(0, underWay - 1)
      client.write(part)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const through = new URL(url)
  through.port = String((server.address() as { port: number }).port)
  return {
    url: through.href,
    taken: () => {
      const taken = counts
      counts = []
      return taken
    },
    stop: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
