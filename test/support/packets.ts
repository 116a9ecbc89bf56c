import { connect, createServer, type Socket } from 'node:net'

/** What happens to a packet of a change: it is lost with its connection, it arrives and then the connection is lost, or it and all that follows is. */
export type Fault = 'cut before' | 'cut after' | 'swallowed'

interface Armed {
  readonly from: 'client' | 'database'
  /** Which packet of the next transaction, counted from its BEGIN, or from the answer to that. */
  readonly at: number
  /** A fault, or what to do when the packet passes. */
  readonly fault: Fault | (() => void)
}

export interface Packets {
  /** The URL that was given, through what watches. */
  readonly url: string
  /** How often a change has waited for the database, from BEGIN to COMMIT, for each change since the last call. */
  taken(): number[]
  /** Does something to one packet; returns whether it has come. */
  arm(armed: Armed): () => boolean
  /** Answers COMMIT by itself from now on, as a pooler that shuts down while the database commits. */
  shutDown(): void
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

/** Counts how often a change sends something when all that it sent before is answered. */
function createCounter(count: (trips: number) => void): { said(part: Buffer): void; answered(part: Buffer): void } {
  const [ofClient, ofDatabase] = [createReader(true), createReader(false)]
  let underWay = 0
  let trips: number | null = null
  return {
    said: (part) => {
      for (const [type, body] of ofClient(part)) {
        // A query of its own, or the end of a statement.
        if (type !== 'Q' && type !== 'S') continue
        if (body.startsWith('BEGIN')) trips = 0
        if (trips !== null && underWay === 0) trips++
        underWay++
        if (trips === null || !/^(COMMIT|ROLLBACK)/.test(body)) continue
        count(trips)
        trips = null
      }
    },
    answered: (part) => {
      for (const [type] of ofDatabase(part)) if (type === 'Z') underWay = Math.max(0, underWay - 1)
    },
  }
}

const fatal = Buffer.from('E....SFATAL\0VFATAL\0C57P01\0Mthe pooler shuts down\0\0')
fatal.writeInt32BE(fatal.length - 1, 1)

/** Watches the packets between a node and a PostgreSQL, and can lose one. */
export async function watchPackets(url: string): Promise<Packets> {
  const behind = new URL(url)
  const sockets = new Set<Socket>()
  let counts: number[] = []
  let armed: (Armed & { came: boolean; passed: number; isInside: boolean }) | null = null
  let isShuttingDown = false
  const server = createServer((client) => {
    const database = connect(Number(behind.port), behind.hostname)
    const counter = createCounter((trips) => counts.push(trips))
    let isSilent = false
    const cut = (): void => {
      client.destroy()
      database.destroy()
    }
    for (const socket of [client, database]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
    }
    const pass = (from: 'client' | 'database', to: Socket, part: Buffer): void => {
      if (isSilent) return
      if (armed && from === 'client' && part.includes('BEGIN\0')) armed.isInside = true
      const isIt = armed !== null && !armed.came && armed.isInside && armed.from === from && armed.passed++ === armed.at
      if (!armed || !isIt) return void to.write(part)
      armed.came = true
      if (armed.fault === 'cut before') return void cut()
      if (typeof armed.fault === 'function') armed.fault()
      else isSilent = true
      if (armed.fault === 'swallowed') return
      to.write(part)
      if (armed.fault === 'cut after') setTimeout(cut, 50)
    }
    client.on('close', cut)
    // A network that swallows packets swallows the end too.
    database.on('close', () => void (isSilent || cut()))
    client.on('data', (part: Buffer) => {
      counter.said(part)
      pass('client', database, part)
      if (!isShuttingDown || !part.includes('COMMIT\0')) return
      isSilent = true
      setTimeout(() => client.end(fatal), 50)
    })
    database.on('data', (part: Buffer) => {
      counter.answered(part)
      pass('database', client, part)
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
    arm: (next) => {
      const own = { ...next, came: false, passed: 0, isInside: false }
      armed = own
      return () => own.came
    },
    shutDown: () => {
      isShuttingDown = true
    },
    stop: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
