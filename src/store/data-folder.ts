import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unpackTemplate } from './template.ts'

/** The folder of the embedded database (0700, its files 0600); unpacks the template if there was none. */
export function databaseFolder(folder: string): string {
  const path = join(folder, 'pg')
  if (existsSync(path)) return path
  const half = join(folder, 'pg.new')
  rmSync(half, { recursive: true, force: true })
  unpackTemplate(half)
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
