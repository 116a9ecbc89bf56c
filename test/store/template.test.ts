import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { templateFile, unpackTemplate } from '../../src/store/template.ts'

const scratch = mkdtempSync(join(tmpdir(), 'aura-keys-template-'))
const folder = join(scratch, 'pg')
const copy = join(scratch, 'copy.tar.gz')
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** Unpacks these bytes; answers what is in the folder then, or why there is none. */
function unpacked(archive: Uint8Array) {
  writeFileSync(copy, archive)
  try {
    unpackTemplate(folder, copy)
    return content()
  } catch (error) {
    expect(existsSync(folder)).toBe(false)
    return (error as Error).message
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const entries = () => readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => ({ entry, path: join(entry.parentPath, entry.name) }))

const content = () => new Map(entries().map(({ entry, path }) => [relative(folder, path), entry.isDirectory() ? null : readFileSync(path, 'latin1')]))

test.each([0, 0o022, 0o077])('with the umask %o, every folder of the template is 0700 and every file 0600, empty ones included', (mask) => {
  const before = process.umask(mask)
  try {
    unpackTemplate(folder)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    const wrong = entries().filter(({ entry, path }) => (statSync(path).mode & 0o777) !== (entry.isDirectory() ? 0o700 : 0o600))
    expect(wrong.map(({ path }) => path)).toEqual([])
    const empty = entries().filter(({ entry, path }) => entry.isDirectory() && readdirSync(path).length === 0)
    expect(empty.length).toBeGreaterThan(3)
  } finally {
    process.umask(before)
    rmSync(folder, { recursive: true, force: true })
  }
})

test('every start unpacks it: it holds one database, and little else', () => {
  unpackTemplate(folder)
  try {
    expect(readdirSync(join(folder, 'base'))).toHaveLength(1)
    const files = entries().flatMap(({ entry, path }) => (entry.isFile() ? [statSync(path).size] : []))
    expect(files.length).toBeLessThan(600)
    expect(files.reduce((sum, size) => sum + size, 0)).toBeLessThan(20 * 2 ** 20)
    // What a start fills with zeros.
    expect(readFileSync(join(folder, 'postgresql.conf'), 'utf8')).toMatch(/^shared_buffers = 32MB/m)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('an archive that only its owner may read, and nobody may write, unpacks the same', () => {
  const archive = readFileSync(templateFile)
  writeFileSync(copy, archive)
  chmodSync(copy, 0o400)
  unpackTemplate(folder, copy)
  expect(content().get('PG_VERSION')).toMatch(/^\d+\n$/)
  rmSync(folder, { recursive: true })
  rmSync(copy)
})

test('an archive that is cut anywhere makes nothing, and the message says what to do', () => {
  const archive = readFileSync(templateFile)
  for (const length of [0, 1, 9, 10, archive.length >> 1, archive.length - 9, archive.length - 8, archive.length - 4, archive.length - 1]) {
    expect([length, unpacked(archive.subarray(0, length))]).toEqual([
      length,
      `The template of the embedded database, ${copy}, is cut or altered. Install aura-keys again.`,
    ])
  }
})

test('an archive with an altered byte makes nothing, or the same as before', () => {
  const archive = readFileSync(templateFile)
  const whole = unpacked(archive)
  const body = [20, 4_000, archive.length >> 2, archive.length >> 1, archive.length - 20]
  const trailer = [8, 7, 4, 1].map((back) => archive.length - back)
  const altered = (position: number) => unpacked(archive.map((byte, at) => (at === position ? byte ^ 0x10 : byte)))
  for (const position of [...body, ...trailer]) expect([position, altered(position)]).toEqual([position, expect.stringContaining('is cut or altered')])
  // The header's time and system say nothing of the content.
  for (const position of [0, 1, 2, 3, 4, 8, 9]) {
    const found = altered(position)
    if (typeof found !== 'string') expect([position, found]).toEqual([position, whole])
  }
})

test('without an archive the message says how to get one', () => {
  expect(() => unpackTemplate(folder, join(scratch, 'none.tar.gz'))).toThrow('npm ci --include=dev')
  expect(existsSync(folder)).toBe(false)
})
