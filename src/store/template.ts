import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import { createTar, parseTar } from 'nanotar'
import type { Client } from './client.ts'

/**
 * A migrated, empty database as one archive, built once by `npm ci`. As a folder it would not survive: packages lose empty folders, and give files
 * the modes of whoever installs them.
 */
export const templateFile = fileURLToPath(new URL('../../dist/template.tar.gz', import.meta.url))

/** Drops the databases from which PostgreSQL makes new ones: the embedded one is the only one, and they are most of the files of each start. */
export async function dropOtherDatabases(client: Client): Promise<void> {
  for (const name of ['template0', 'template1']) {
    await client.$executeRawUnsafe(`ALTER DATABASE ${name} IS_TEMPLATE false`)
    await client.$executeRawUnsafe(`DROP DATABASE ${name}`)
  }
}

export function packTemplate(folder: string): void {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name)
    const name = relative(folder, path).split(sep).join('/')
    return entry.isDirectory() ? { name: `${name}/` } : { name, data: readFileSync(path) }
  })
  writeFileSync(templateFile, gzipSync(createTar(entries), { level: 9 }))
}

function readTemplate(file: string) {
  if (!existsSync(file)) {
    throw new Error('The template of the embedded database is missing. Install aura-keys again; in a clone, build it with: npm ci --include=dev')
  }
  const archive = readFileSync(file)
  try {
    // gzip holds a checksum of everything.
    return parseTar(gunzipSync(archive))
  } catch {
    throw new Error(`The template of the embedded database, ${file}, is cut or altered. Install aura-keys again.`)
  }
}

/** Makes the folder (0700) with everything of the archive in it (0600). Throws, before it made anything, if the archive is missing, cut or altered. */
export function unpackTemplate(folder: string, file = templateFile): void {
  const entries = readTemplate(file)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const { name, data, type } of entries) {
    const path = join(folder, name)
    mkdirSync(type === 'directory' ? path : dirname(path), { recursive: true, mode: 0o700 })
    if (type !== 'directory') writeFileSync(path, data ?? '', { mode: 0o600 })
  }
}
