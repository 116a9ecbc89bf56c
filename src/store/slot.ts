import { setImmediate as yieldToOthers } from 'node:timers/promises'
import type { SqlDriverAdapter, SqlDriverAdapterFactory, SqlQueryable, Transaction } from '@prisma/driver-adapter-utils'
import { currentWork, type Work } from './work.ts'

/** Statements that follow each other without a pause give sockets, timers and pings their turn at least this often. */
const yieldMs = 4

/** The only slot in which the embedded database runs a statement or a transaction. */
interface Slot {
  /** Returns a function to leave, once it is the caller's turn: verifications first, then by arrival. */
  enter(work: Work | null): Promise<() => void>
  /** Yields a turn of the event loop, if the last one was a while ago. */
  pause(): Promise<void>
}

function createSlot(): Slot {
  const first: (() => void)[] = []
  const others: (() => void)[] = []
  let isTaken = false
  let yieldedAt = performance.now()
  const leave = (): void => {
    const next = first.shift() ?? others.shift()
    if (next) next()
    else isTaken = false
  }
  const pause = async (): Promise<void> => {
    if (performance.now() - yieldedAt <= yieldMs) return
    await yieldToOthers()
    yieldedAt = performance.now()
  }
  return {
    enter: async (work) => {
      if (isTaken) await new Promise<void>((resolve) => (work?.lane === 'verification' ? first : others).push(resolve))
      isTaken = true
      await pause()
      return leave
    },
    pause,
  }
}

/** Gives the embedded database one statement or transaction at a time; statements of cancelled work are not run. */
export function inTurn(factory: SqlDriverAdapterFactory): SqlDriverAdapterFactory {
  const slot = createSlot()

  /** Runs in the slot; `place` limits how often an operation asks for it. */
  async function alone<Answer>(run: () => Promise<Answer>): Promise<Answer> {
    const work = currentWork()
    const enter = async (): Promise<Answer> => {
      const leave = await slot.enter(work)
      try {
        work?.check()
        const answer = await run()
        // Its rows are processed in their own turn.
        await slot.pause()
        return answer
      } finally {
        leave()
      }
    }
    return work ? work.place(enter) : enter()
  }

  async function begin(adapter: SqlDriverAdapter, ...isolation: Parameters<SqlDriverAdapter['startTransaction']>): Promise<Transaction> {
    const work = currentWork()
    const leave = await slot.enter(work)
    const inside = await Promise.resolve()
      .then(() => work?.check())
      .then(() => adapter.startTransaction(...isolation))
      .catch((error: unknown) => {
        leave()
        throw error
      })
    return over(inside, {
      queryRaw: (query) => {
        work?.check()
        return inside.queryRaw(query)
      },
      executeRaw: (query) => {
        work?.check()
        return inside.executeRaw(query)
      },
      commit: () => inside.commit().finally(leave),
      rollback: () => inside.rollback().finally(leave),
    })
  }

  return over(factory, {
    connect: async () => {
      const adapter = await factory.connect()
      return over(adapter, {
        queryRaw: (query) => alone(() => adapter.queryRaw(query)),
        executeRaw: (query) => alone(() => adapter.executeRaw(query)),
        startTransaction: (...isolation) => begin(adapter, ...isolation),
      })
    },
  })
}

/** Returns the object with some of its methods replaced. */
const over = <Whole extends SqlQueryable | SqlDriverAdapterFactory>(whole: Whole, methods: Partial<Whole>): Whole =>
  new Proxy(whole, {
    get: (target, name) => {
      const value: unknown = Reflect.get(name in methods ? methods : target, name)
      return typeof value === 'function' && !(name in methods) ? value.bind(target) : value
    },
  })
