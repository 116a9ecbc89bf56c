import { appendFileSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { databaseFolder } from '../../src/store/data-folder.ts'

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

/** Fills a data directory with an empty embedded database. Its cache is small: each start fills it with zeros, and of 128 MB that is most of a start. */
export function fillDataFolder(folder: string): void {
  appendFileSync(join(databaseFolder(folder), 'postgresql.auto.conf'), "shared_buffers = '8MB'\n")
}
