import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A migrated, empty database, built once by `npm ci`. */
export const templateFolder = fileURLToPath(new URL('../../dist/template', import.meta.url))

export class FolderInUse extends Error {
  override readonly name = 'FolderInUse'
}

interface Holder {
  readonly processId: number
  readonly startedAt: string | null
  /** Where that process id is valid: the host, and the process namespace on it. Missing in older locks. */
  readonly machine?: string
}

// Without the boot: after a restart a machine recognises its own lock, whose holder is gone.
function machine(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return hostname()
  }
}

/** When a process started, as the system writes it; null if there is no such process, or it is dead but not reaped yet (a zombie). */
function startOf(processId: number): string | null {
  try {
    // The 3rd field and the 22nd, counted after the command's closing bracket: the command may hold spaces and brackets.
    const fields = readFileSync(`/proc/${processId}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return /^[ZX]/.test(fields[0] ?? '') ? null : (fields[19] ?? null)
  } catch {
    if (existsSync('/proc/self/stat')) return null
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(processId)], { encoding: 'utf8' }).trim() || null
  } catch {
    return null
  }
}

/**
 * Makes the folder (0700) and takes its lock, at once if its holder is dead; throws `FolderInUse` if another process has it, or if a process of
 * another machine or container had it last.
 */
export function lockFolder(folder: string): { release(): void } {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)
  const lock = join(folder, 'lock')
  const mine = join(folder, `lock.${process.pid}`)
  writeFileSync(mine, JSON.stringify({ processId: process.pid, startedAt: startOf(process.pid), machine: machine() } satisfies Holder), { mode: 0o600 })
  try {
    for (let attempts = 0; ; attempts++) {
      try {
        // A hard link is made whole or not at all, so no process reads half a lock.
        linkSync(mine, lock)
        break
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempts > 10) throw error
      }
      const text = existsSync(lock) ? readFileSync(lock, 'utf8') : null
      if (text === null) continue
      const holder = parseLock(text)
      // This process cannot see if one of another machine or container is alive.
      if (holder?.machine !== undefined && holder.machine !== machine()) {
        throw new FolderInUse(
          `The data directory ${folder} is in use by process ${holder.processId} of another machine or container (${holder.machine}). If that one is gone for certain, delete ${lock}.`,
        )
      }
      if (holder && startOf(holder.processId) === holder.startedAt) {
        throw new FolderInUse(`The data directory ${folder} is in use by process ${holder.processId}. Stop that one, or set DATA_DIR to another folder.`)
      }
      // If two processes find the same dead holder, only one renames this file.
      const dead = `${mine}.dead`
      renameSync(lock, dead)
      if (readFileSync(dead, 'utf8') !== text) linkSync(dead, lock)
      rmSync(dead, { force: true })
    }
  } finally {
    rmSync(mine, { force: true })
  }
  return { release: () => rmSync(lock, { force: true }) }
}

function parseLock(text: string): Holder | null {
  try {
    return JSON.parse(text) as Holder
  } catch {
    return null
  }
}

/** The folder of the embedded database (0700, its files 0600); copies the template if there was none. */
export function databaseFolder(folder: string): string {
  const path = join(folder, 'pg')
  if (existsSync(path)) return path
  if (!existsSync(templateFolder)) throw new Error('The database template is missing. Run: npm run build')
  const half = join(folder, 'pg.new')
  rmSync(half, { recursive: true, force: true })
  cpSync(templateFolder, half, { recursive: true })
  // Packages are often installed readable for all users, and so is the template.
  chmodSync(half, 0o700)
  for (const entry of readdirSync(half, { recursive: true, withFileTypes: true })) {
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o700 : 0o600)
  }
  renameSync(half, path)
  return path
}

/** A file in the data directory cannot be used as it is. */
export class BadSecretFile extends Error {
  override readonly name = 'BadSecretFile'
}

/**
 * Reads a secret file of the folder (0600). Makes it from 32 random bytes in base64 if it is missing, unless `mustExist`.
 * Throws `BadSecretFile` if it is missing then, or if users other than its owner have a right on it.
 */
export function secretFile(folder: string, name: string, mustExist = false): string {
  const path = join(folder, name)
  const exists = existsSync(path)
  if (!exists && mustExist) throw new BadSecretFile(`${path} is missing, and the database in this folder needs it. Put it back from a backup.`)
  if (exists && process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
    throw new BadSecretFile(`${path} can be read by other users. Take that away with: chmod 600 ${path}`)
  }
  if (!exists) {
    const half = `${path}.${process.pid}`
    writeFileSync(half, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flush: true })
    renameSync(half, path)
  }
  return readFileSync(path, 'utf8').trim()
}
