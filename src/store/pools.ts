import type { EventEmitter } from 'node:events'
import { Client, Pool, type PoolClient, type PoolConfig, type QueryConfig, type QueryResult, type QueryResultRow } from 'pg'
import { innerOf } from './inner.ts'
import { commit, isBroken, isEnded, type Lease, type OnFailure, type Send, transact } from './transaction.ts'
import { currentWork, type Lane, type Work } from './work.ts'

/** Connections of a node by purpose. The system's are for hub, sweeper, retention and heartbeat. */
const maxConnections: Readonly<Record<Lane, number>> = { operations: 10, verification: 3, callers: 1, system: 4 }
/** A statement that was cancelled and still runs after this time has lost its server: its connection is destroyed. */
const stopMs = 1_000

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

/**
 * One pool per lane behind the interface of one, of which Prisma's adapter uses these three methods (so the types of pg's pool promise too much). A
 * statement takes a connection of the lane of its work. Statements of cancelled work are not sent, and running ones are cancelled; a
 * connection is given back only once the server has taken the cancel request, so that it never hits the next statement.
 */
export class Pools extends (Pool as unknown as new (config: PoolConfig) => EventEmitter) {
  readonly #lanes: Readonly<Record<Lane, Pool>>
  readonly #config: PoolConfig
  readonly #onFailure: OnFailure

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
    return { client, stopped: () => stopping, release }
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

  /**
   * Runs `body` in a transaction of its own connection, which holds none of Prisma's. Its statements are sent as they come, without a wait for those
   * before, and run in their order; once one fails, those behind it fail too. COMMIT is sent once the body has its answer, behind what is under way.
   */
  async transact<Answer>(body: (run: Send) => Promise<Answer>, committing?: () => void): Promise<Answer> {
    const work = currentWork()
    const take = async (): Promise<Answer> => {
      const lease = await this.#lease(work)
      return transact(lease, work, this.#onFailure, body, committing)
    }
    return work ? work.place(take) : take()
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
      if (isOver && config.text !== 'ROLLBACK') throw isEnded()
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
    return new Proxy(client, { get: (target, name) => (name === 'query' || name === 'release' ? own[name] : Reflect.get(target, name, target)) })
  }

  async end(): Promise<void> {
    await Promise.all(Object.values(this.#lanes).map((pool) => pool.end()))
  }
}
