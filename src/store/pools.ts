import type { EventEmitter } from 'node:events'
import { Client, Pool, type PoolClient, type PoolConfig, type QueryConfig, type QueryResult, type QueryResultRow } from 'pg'
import { createAsyncVariable } from '../async-variable.ts'
import { currentWork, type Lane, type Work } from './work.ts'

/** Connections of a node by purpose. The system's are for hub, sweeper, retention and heartbeat. */
const maxConnections: Readonly<Record<Lane, number>> = { operations: 10, verification: 3, callers: 1, system: 4 }
/** A statement that was cancelled and still runs after this time has lost its server: its connection is destroyed. */
const stopMs = 1_000

/** What node-postgres has on a client but leaves out of its types. */
interface Inner {
  readonly connection: {
    readonly stream: { destroy(): void }
    connect(port: number, host: string): void
    requestSsl(): void
    cancel(processId: number, secretKey: number): void
    once(event: 'connect' | 'sslconnect' | 'error' | 'end', listener: () => void): void
    on(event: 'error', listener: () => void): void
  }
  readonly processID: number
  readonly secretKey: number
  readonly host: string
  readonly port: number
  readonly ssl: unknown
}

const innerOf = (client: object): Inner => client as unknown as Inner

/** Asks the server, over its own connection, to cancel what `client` runs; resolves once the server has taken or refused that. */
function stopStatement(client: PoolClient, config: PoolConfig): Promise<void> {
  const { processID, secretKey } = innerOf(client)
  const { connection, host, port, ssl } = innerOf(new Client(config))
  return new Promise((resolve) => {
    const late = setTimeout(() => connection.stream.destroy(), stopMs)
    connection.on('error', () => connection.stream.destroy())
    connection.once('end', () => {
      clearTimeout(late)
      resolve()
    })
    const cancel = (): void => connection.cancel(processID, secretKey)
    connection.once('connect', () => (ssl ? connection.requestSsl() : cancel()))
    connection.once('sslconnect', cancel)
    connection.connect(port, host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : host)
  })
}

/** Whether the connection is lost: it failed itself, or PostgreSQL ends it (57P01 to 57P05, class 08); errors of a statement do not count. */
const isBroken = (error: unknown): boolean => !/^(?!57P0|08)[0-9A-Z]{5}$/.test(String((error as { code?: unknown } | null)?.code))

/**
 * Sends a COMMIT. If PostgreSQL sends a warning, the commit is in force on this server, but no standby that it should wait for has it: that is not
 * reported as done. The code is the one for a transaction with an unknown result.
 */
async function commit(client: PoolClient, send: () => Promise<unknown>): Promise<unknown> {
  let isWarned = false
  const hear = ({ code }: { code?: string | undefined }): void => {
    isWarned ||= code !== undefined && code !== '00000'
  }
  client.on('notice', hear)
  try {
    const answer = await send()
    if (isWarned) throw Object.assign(new Error('the commit came with a warning'), { code: '08007' })
    return answer
  } finally {
    client.off('notice', hear)
  }
}

/** Called for each statement or connection that failed, with the driver's error. */
export type OnFailure = (error: unknown) => void

/** A connection, and how to give it back. */
interface Lease {
  readonly client: PoolClient
  release(broken?: boolean): void
}

/** What sends statements into the transaction of this code, once it has begun. */
interface Inside {
  query: ((config: QueryConfig) => Promise<unknown>) | null
}

/**
 * One pool per lane behind the interface of one, of which Prisma's adapter uses these three methods (so the types of pg's pool promise too much). A
 * statement takes a connection of the lane of its work. Statements of cancelled work are not sent, and running ones are cancelled; a
 * connection is given back only once the server has taken the cancel request, so that it never hits the next statement.
 */
export class Pools extends (Pool as unknown as new (config: PoolConfig) => EventEmitter) {
  readonly #lanes: Readonly<Record<Lane, Pool>>
  readonly #config: PoolConfig
  readonly #onFailure: OnFailure
  readonly #inside = createAsyncVariable<Inside>()

  /** `configOf` returns the connection settings of a lane. */
  constructor(configOf: (lane: Lane) => PoolConfig, onFailure: OnFailure) {
    super({ max: 1 })
    this.#onFailure = onFailure
    this.#config = configOf('system')
    const open = (lane: Lane): Pool => {
      const pool = new Pool({ ...configOf(lane), max: maxConnections[lane] })
      // An idle connection that dies is replaced at its next use; without a listener its error would end the process.
      pool.on('error', () => {})
      return pool
    }
    this.#lanes = { operations: open('operations'), verification: open('verification'), callers: open('callers'), system: open('system') }
  }

  async #lease(work: Work | null): Promise<Lease> {
    work?.check()
    const client = await this.#lanes[work?.lane ?? 'system'].connect().catch((error: unknown) => {
      this.#onFailure(error)
      throw error
    })
    // The pool listens only to idle connections. The running statement fails too, and reports the error.
    const lost = (): void => undefined
    client.on('error', lost)
    let stopping: Promise<void> = Promise.resolve()
    let late: NodeJS.Timeout | undefined
    const unwatch = work?.onCancel(() => {
      stopping = stopStatement(client, this.#config)
      late = setTimeout(() => innerOf(client).connection.stream.destroy(), stopMs)
    })
    const release = (broken = false): void => {
      unwatch?.()
      clearTimeout(late)
      void stopping.then(() => {
        client.off('error', lost)
        client.release(broken)
      })
    }
    return { client, release }
  }

  async #send<Row extends QueryResultRow>(config: QueryConfig, work: Work | null): Promise<QueryResult<Row>> {
    const { client, release } = await this.#lease(work)
    try {
      work?.check()
      const answer = await client.query<Row>(config)
      release()
      return answer
    } catch (error) {
      release(error !== work?.reason && isBroken(error))
      this.#onFailure(error)
      throw work?.reason ?? error
    }
  }

  async query(config: QueryConfig): Promise<unknown> {
    const work = currentWork()
    return work ? work.place(() => this.#send(config, work)) : this.#send(config, null)
  }

  /** Sends one statement of a work that is given, not looked up. */
  async queryFor<Row extends QueryResultRow>(work: Work, config: QueryConfig): Promise<Row[]> {
    return (await this.#send<Row>(config, work)).rows
  }

  /** Sends one statement for the current work. */
  async run<Row extends QueryResultRow>(config: QueryConfig): Promise<Row[]> {
    return ((await this.query(config)) as QueryResult<Row>).rows
  }

  /** Runs `body`, in which Prisma begins a transaction, with what sends statements into it. */
  withConnection<Answer>(body: (inside: { run<Row extends QueryResultRow>(config: QueryConfig): Promise<Row[]> }) => Promise<Answer>): Promise<Answer> {
    const inside: Inside = { query: null }
    const run = async <Row extends QueryResultRow>(config: QueryConfig): Promise<Row[]> => {
      if (!inside.query) throw new Error('a statement for a transaction that has not begun')
      return ((await inside.query(config)) as QueryResult<Row>).rows
    }
    return this.#inside.run(inside, () => body({ run }))
  }

  /** A connection for one transaction, whose statements are checked one by one. */
  async connect(): Promise<PoolClient> {
    const work = currentWork()
    let ended: () => void = () => undefined
    const lease = await new Promise<Lease>((resolve, reject) => {
      const take = async (): Promise<void> => {
        const over = new Promise<void>((end) => {
          ended = end
        })
        const taken = await this.#lease(work).catch(reject)
        if (!taken) return
        resolve(taken)
        await over
      }
      void (work ? work.place(take) : take())
    })
    const { client } = lease
    const send = client.query.bind(client) as (config: QueryConfig) => Promise<unknown>
    let isOver = false
    const query = async (config: QueryConfig): Promise<unknown> => {
      if (config.text !== 'ROLLBACK') work?.check()
      // Prisma ends a transaction that takes too long while its body still runs: what comes then would be a change of its own.
      if (isOver && config.text !== 'ROLLBACK') throw Object.assign(new Error('the transaction is over'), { code: '25P01' })
      isOver ||= config.text === 'COMMIT' || config.text === 'ROLLBACK'
      const sent = config.text === 'COMMIT' ? commit(client, () => send(config)) : send(config)
      return sent.catch((error: unknown) => {
        this.#onFailure(error)
        throw work?.reason && config.text !== 'COMMIT' ? work.reason : error
      })
    }
    const release = (error?: unknown): void => {
      lease.release(error instanceof Error && isBroken(error))
      ended()
    }
    const own = { query, release }
    const inside = this.#inside.get()
    if (inside) inside.query ??= query
    return new Proxy(client, { get: (target, name) => (name === 'query' || name === 'release' ? own[name] : Reflect.get(target, name, target)) })
  }

  async end(): Promise<void> {
    await Promise.all(Object.values(this.#lanes).map((pool) => pool.end()))
  }
}
