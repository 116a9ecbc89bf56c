import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unpackTemplate } from '../../src/store/template.ts'

/** Where tests put their databases: into memory where there is room, since to copy, sync and remove the files was a third of a start. */
export function temporaryFolder(): string {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm')
    if (bavail * bsize > 4 * 1024 ** 3) return '/dev/shm'
  } catch {
    // Only Linux has it.
  }
  return tmpdir()
}

/** Unpacked once in a process, since copying is faster. */
let unpacked: string | undefined

function template(): string {
  if (unpacked === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'aura-keys-template-'))
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
    unpackTemplate(folder)
    unpacked = folder
  }
  return unpacked
}

/** Fills a data directory with an empty embedded database. Its cache is small: each start fills it with zeros, and of 128 MB that is most of a start. */
export function fillDataFolder(folder: string): void {
  const path = join(folder, 'pg')
  mkdirSync(folder, { recursive: true })
  cpSync(template(), path, { recursive: true })
  appendFileSync(join(path, 'postgresql.auto.conf'), "shared_buffers = '8MB'\n")
}
