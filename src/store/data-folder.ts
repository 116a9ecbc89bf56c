import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, cpSync, existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A migrated, empty database, built once by `npm ci`. */
export const templateFolder = fileURLToPath(new URL('../../dist/template', import.meta.url))

export class FolderInUse extends Error {
  override readonly name = 'FolderInUse'
}

/** When a process started, in the system's own words; null when there is no such process. */
function startOf(processId: number): string | null {
  try {
    // The 22nd field, counted after the command's closing bracket, which may itself hold spaces and brackets.
    return (
      readFileSync(`/proc/${processId}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[19] ?? null
    )
  } catch {
    if (existsSync('/proc/self/stat')) return null
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(processId)], { encoding: 'utf8' }).trim() || null
  } catch {
    return null
  }
}

/** Makes the folder (0700) and takes its lock, at once if its holder is dead; throws `FolderInUse` while another process has it. */
export function lockFolder(folder: string): { release(): void } {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)
  const lock = join(folder, 'lock')
  const mine = join(folder, `lock.${process.pid}`)
  writeFileSync(mine, JSON.stringify({ processId: process.pid, startedAt: startOf(process.pid) }), { mode: 0o600 })
  try {
    for (let attempts = 0; ; attempts++) {
      try {
        // A hard link is made whole or not at all, so nobody reads half a lock.
        linkSync(mine, lock)
        break
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempts > 10) throw error
      }
      const text = existsSync(lock) ? readFileSync(lock, 'utf8') : null
      if (text === null) continue
      const holder = parseLock(text)
      if (holder && startOf(holder.processId) === holder.startedAt) {
        throw new FolderInUse(`The data directory ${folder} is in use by process ${holder.processId}. Stop that one, or set DATA_DIR to another folder.`)
      }
      // Two who find the same dead holder: only one of them renames this very file.
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

function parseLock(text: string): { processId: number; startedAt: string } | null {
  try {
    return JSON.parse(text) as { processId: number; startedAt: string }
  } catch {
    return null
  }
}

/** The folder of the embedded database; a copy of the template when there was none. */
export function databaseFolder(folder: string): { path: string; isNew: boolean } {
  const path = join(folder, 'pg')
  if (existsSync(path)) return { path, isNew: false }
  if (!existsSync(templateFolder)) throw new Error('The database template is missing. Run: npm run build')
  const half = join(folder, 'pg.new')
  rmSync(half, { recursive: true, force: true })
  cpSync(templateFolder, half, { recursive: true })
  renameSync(half, path)
  return { path, isNew: true }
}

/** What stands in the data directory cannot be used as it is. */
export class BadSecretFile extends Error {
  override readonly name = 'BadSecretFile'
}

/**
 * A secret file of the folder (0600). Made from 32 random bytes in base64 when it is missing, unless `mustExist`.
 * Throws `BadSecretFile` when it is missing then, or when others than its owner may read it.
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
