import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join, resolve } from 'node:path'
import { FolderInUse, findGone, nameOf, openSocketFolder, readHolder, type SocketFolder, socketName, thisProcess } from './lock-holder.ts'

/** In milliseconds. */
export interface LockTimes {
  /** Between two signs of life of the holder. */
  readonly beatMs: number
  /** A holder whose last sign of life is older does nothing before it has seen that the lock is still its own. */
  readonly checkMs: number
  /** A holder that cannot be asked, and gave no sign of life for this long, has lost the lock. */
  readonly stillMs: number
}

export const lockTimes: LockTimes = { beatMs: 5_000, checkMs: 10_000, stillMs: 30_000 }

export interface LockOptions {
  readonly times?: LockTimes
  /** Gets a sentence for people before a wait for signs of life. */
  readonly waiting?: (message: string) => void
  /** Must end the process, without another write to the folder; gets a sentence for people. */
  readonly lost: (message: string) => never
}

export interface FolderLock {
  /** Ends the process by `lost` if the lock is not its own any more. Call it before each use of what the folder holds: it mostly costs only a look at the clock. */
  check(): void
  release(): void
}

/** One taking of the lock: the file `lock`, or one that follows another whose holder is gone. */
export interface Taking {
  readonly name: string
  readonly text: string
}

/** The file that takes the lock from the holder of this one. Only one process can make it, so of all that find the holder gone only one follows. */
export const follower = ({ name, text }: Taking): string => `lock.${createHash('sha256').update(`${name}\n${text}`).digest('hex').slice(0, 16)}.next`

/** The file `lock` and those that follow it, mostly none. The last one is that of the holder. */
function readTakings(folder: string): Taking[] {
  const takings: Taking[] = []
  for (let name = 'lock'; ; ) {
    try {
      takings.push({ name, text: readFileSync(join(folder, name), 'utf8') })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return takings
      throw error
    }
    name = follower(takings.at(-1) as Taking)
  }
}

/** Returns whether more than `ms` have passed since the call: a machine that sleeps stops one clock, and whoever sets the other one makes it jump. */
function stopwatch(ms: number): () => boolean {
  const since = { mono: performance.now(), wall: Date.now() }
  return () => performance.now() - since.mono > ms || Math.abs(Date.now() - since.wall) > ms
}

const isOf = (id: string, taking: Taking | undefined): boolean => taking !== undefined && readHolder(taking.text).id === id

/** Opens the socket that tells others that this process lives; without one only the signs of life do. */
const openSocket = (address: string | null): Promise<Server | null> =>
  new Promise((resolve) => {
    if (address === null) return resolve(null)
    const server = createServer((socket) => socket.destroy())
    server.unref().on('error', () => resolve(null))
    server.listen(address, () => resolve(server))
  })

/**
 * Takes the lock after the takings `before`, whose holders are gone, if the last one is `stillGone`. Returns false if another process was first, or
 * the holder came back.
 */
export function take(folder: string, id: string, before: readonly Taking[], stillGone: () => boolean): boolean {
  const last = before.at(-1)
  const name = last ? follower(last) : 'lock'
  const mine = join(folder, `lock.${id}`)
  const isLate = stopwatch(lockTimes.checkMs)
  writeFileSync(mine, JSON.stringify(thisProcess(folder, id)), { mode: 0o600, flush: true })
  try {
    // A hard link is made whole or not at all, so no process reads half a lock.
    linkSync(mine, join(folder, name))
    const takings = readTakings(folder)
    const isLast = isOf(id, takings.at(-1))
    // The holder gives a sign of life and then looks for a follower: either it sees this one, or this one sees its sign.
    if (!isLast || !stillGone()) {
      // If another one follows already, this file is a part of its lock.
      // The name `lock` is by now that of whoever took it over.
      if (isLast || (name !== 'lock' && !takings.some((taking) => isOf(id, taking)))) rmSync(join(folder, name), { force: true })
      return false
    }
    if (name === 'lock') return true
    renameSync(mine, join(folder, 'lock'))
    // A process that was stopped before this may have put it over the lock of a holder, who then sees that and ends: nobody holds it.
    if (isLate()) {
      rmSync(join(folder, 'lock'), { force: true })
      return false
    }
    for (const { name, text } of takings) {
      const gone = readHolder(text).id
      if (name !== 'lock') rmSync(join(folder, name), { force: true })
      if (gone !== undefined && gone !== id) rmSync(join(folder, socketName(gone)), { force: true })
    }
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(mine, { force: true })
  }
}

interface Holding {
  readonly folder: string
  readonly id: string
  readonly times: LockTimes
  readonly lost: LockOptions['lost']
}

/** Gives signs of life until it is stopped. */
function keep({ folder, id, times, lost }: Holding): { check(): void; stop(): void } {
  // A machine that sleeps stops one clock, and whoever sets the other one makes it jump.
  const now = () => ({ mono: performance.now(), wall: Date.now() })
  let provenAt = { mono: Number.NEGATIVE_INFINITY, wall: 0 }
  const isOverdue = (): boolean => performance.now() - provenAt.mono > times.checkMs || Math.abs(Date.now() - provenAt.wall) > times.checkMs
  /** Returns what is wrong; null if the lock is this process's, and others have seen it. */
  const renew = (): string | null => {
    const at = now()
    try {
      const own = readTakings(folder).find((taking) => isOf(id, taking))
      if (own) utimesSync(join(folder, own.name), new Date(), new Date())
      // After the sign of life: who takes the lock looks for these two in the other order.
      const last = readTakings(folder).at(-1)
      if (!last) return 'its lock was removed'
      if (!isOf(id, last)) return `it was taken over by ${nameOf(readHolder(last.text))}`
    } catch (error) {
      // The storage may come back before anybody can have taken the lock.
      return isOverdue() ? `its lock cannot be renewed (${(error as NodeJS.ErrnoException).code})` : null
    }
    provenAt = at
    return null
  }
  const beat = (): void => {
    const wrong = renew()
    if (wrong !== null) lost(`This process ends, because the data directory ${folder} is not its own any more: ${wrong}.`)
  }
  beat()
  const timer = setInterval(beat, times.beatMs).unref()
  return {
    check: () => {
      if (isOverdue()) beat()
    },
    stop: () => clearInterval(timer),
  }
}

async function takeInTurn(folder: string, id: string, sockets: SocketFolder, { times = lockTimes, waiting = () => {} }: LockOptions): Promise<Server | null> {
  let server: Server | null = null
  try {
    for (let rounds = 0; rounds < 100; rounds++) {
      const takings = readTakings(folder)
      const last = takings.at(-1)
      const stillGone = last ? await findGone(last, { folder, sockets, stillMs: times.stillMs, waiting }) : () => true
      if (stillGone === null) continue
      server ??= await openSocket(sockets.address(socketName(id)))
      if (take(folder, id, takings, stillGone)) return server
    }
    throw new FolderInUse(`The lock of the data directory ${folder} cannot be taken. If no process uses it, delete ${join(folder, 'lock')}.`)
  } catch (error) {
    server?.close()
    throw error
  }
}

/**
 * Makes the folder (0700) and takes its lock: at once if it is free or its holder is known to be gone, after `stillMs` if the holder cannot be asked and
 * gives no sign of life. Throws `FolderInUse` if the holder lives.
 */
export async function lockFolder(path: string, options: LockOptions): Promise<FolderLock> {
  const folder = resolve(path)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)
  const id = randomBytes(8).toString('hex')
  const sockets = openSocketFolder(folder)
  try {
    const server = await takeInTurn(folder, id, sockets, options)
    const { check, stop } = keep({ folder, id, times: options.times ?? lockTimes, lost: options.lost })
    return {
      check,
      release: () => {
        stop()
        // The socket goes last: until then it says that the holder lives.
        if (isOf(id, readTakings(folder).at(-1))) rmSync(join(folder, 'lock'), { force: true })
        server?.close()
        sockets.close()
      },
    }
  } catch (error) {
    sockets.close()
    throw error
  }
}
