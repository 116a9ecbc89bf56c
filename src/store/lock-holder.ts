import { closeSync, constants, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'

/** Another process has the data directory; the message says which one, and what to do. */
export class FolderInUse extends Error {
  override readonly name = 'FolderInUse'
}

const holderSchema = z
  .object({
    /** Names this one taking of the lock, and no other. */
    id: z.string().regex(/^[0-9a-f]{16}$/),
    /** Its host name. Older versions say more here, and so take this for another machine's, which they never take over. */
    machine: z.string(),
    processId: z.number(),
    since: z.string(),
    /** Of the running kernel; null where the system has none. */
    bootId: z.string().nullable(),
    /** Number of the file system, in that kernel. */
    device: z.string(),
  })
  .partial()

/** What a lock says of its holder. Locks of older versions say less, and cut ones nothing. */
export type Holder = z.infer<typeof holderSchema>

export function readHolder(text: string): Holder {
  try {
    return holderSchema.parse(JSON.parse(text))
  } catch {
    return {}
  }
}

function readBootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return null
  }
}

const deviceOf = (folder: string): string => String(statSync(folder, { bigint: true }).dev)

export const thisProcess = (folder: string, id: string): Holder => ({
  id,
  machine: hostname(),
  processId: process.pid,
  since: new Date().toISOString(),
  bootId: readBootId(),
  device: deviceOf(folder),
})

export const nameOf = ({ machine = 'an unknown host', processId, since }: Holder): string =>
  processId === undefined ? 'a process that its lock does not name' : `process ${processId} on ${machine}${since === undefined ? '' : ` since ${since}`}`

export const socketName = (id: string): string => `lock.${id}.sock`

/** Systems take no longer path of a socket than this, in bytes; the shortest limit is that of macOS. */
const socketPathBytes = 103

/** A folder in which sockets are opened. */
export interface SocketFolder {
  /** The path of a file in it, for a socket; null if it is too long and the system knows no shorter one. */
  address(name: string): string | null
  close(): void
}

export function openSocketFolder(folder: string): SocketFolder {
  const isShort = Buffer.byteLength(join(folder, socketName('0'.repeat(16)))) <= socketPathBytes
  // Where the path is too long, one that starts at an open folder is not.
  const descriptor = isShort || process.platform !== 'linux' ? null : openSync(folder, constants.O_RDONLY)
  return {
    address: (name) => (isShort ? join(folder, name) : descriptor === null ? null : `/proc/self/fd/${descriptor}/${name}`),
    close: () => {
      if (descriptor !== null) closeSync(descriptor)
    },
  }
}

/** What a socket says of the process that opened it. */
const knock = (address: string): Promise<'lives' | 'gone' | 'unknown'> =>
  new Promise((resolve) => {
    const socket = connect(address, () => {
      socket.destroy()
      resolve('lives')
    })
    socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ECONNREFUSED' ? 'gone' : 'unknown'))
  })

/**
 * What changes while a process lives: its lock, and when that and the log of the database were last written, which is every few seconds. Null if the
 * lock is not this one any more.
 */
function signsOfLife(folder: string, { name, text }: { name: string; text: string }): string | null {
  const log = join('pg', 'pg_wal')
  const written = (path: string): string => String(statSync(join(folder, path), { bigint: true, throwIfNoEntry: false })?.mtimeNs)
  try {
    // Opening a file also makes network storage look whether it changed.
    if (readFileSync(join(folder, name), 'utf8') !== text) return null
  } catch {
    return null
  }
  let segments: string[] = []
  try {
    segments = readdirSync(join(folder, log))
  } catch {
    // There is no database yet.
  }
  return [name, ...segments.map((segment) => join(log, segment))].map(written).join()
}

export interface Observation {
  readonly folder: string
  readonly sockets: SocketFolder
  /** How long no sign of life counts as the end of a process that cannot be asked, in milliseconds. */
  readonly stillMs: number
  /** Gets a sentence for people before a wait. */
  readonly waiting: (message: string) => void
}

/**
 * Finds out that the holder of a lock is gone, and returns a function that says whether it still seems so; null if the lock changed meanwhile.
 * Throws `FolderInUse` if the holder lives.
 */
export async function findGone(lock: { name: string; text: string }, { folder, sockets, stillMs, waiting }: Observation): Promise<(() => boolean) | null> {
  const holder = readHolder(lock.text)
  const inUse = new FolderInUse(`The data directory ${folder} is in use by ${nameOf(holder)}. Stop that one, or set DATA_DIR to another folder.`)
  const address = holder.id === undefined ? null : sockets.address(socketName(holder.id))
  const answer = address === null ? 'unknown' : await knock(address)
  if (answer === 'lives') throw inUse
  // Whichever namespaces the two are in, a socket belongs to a file of a file system of a kernel. Another mount of the same network storage is
  // another file system, in which nobody listens.
  const isSameFile = typeof holder.bootId === 'string' && holder.bootId === readBootId() && holder.device === deviceOf(folder)
  if (answer === 'gone' && isSameFile) return () => true
  waiting(
    `The data directory ${folder} is locked by ${nameOf(holder)}, which cannot be asked from here. It is taken over if that process gives no sign of life for ${stillMs / 1_000} seconds; if it still runs, stop it, or set DATA_DIR to another folder.`,
  )
  const [before, stepMs] = [signsOfLife(folder, lock), stillMs / 60]
  for (let stoodStillMs = 0; stoodStillMs < stillMs; ) {
    const at = performance.now()
    await pause(stepMs)
    // A pause of this process, and of its machine, may have been one of the holder too.
    stoodStillMs += Math.min(performance.now() - at, 2 * stepMs)
    const now = signsOfLife(folder, lock)
    if (now === null) return null
    if (now !== before) throw inUse
  }
  return () => signsOfLife(folder, lock) === before
}
