import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { databaseFolder, secretFile } from '../../src/store/data-folder.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aura-keys-folder-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)

test('the database copied from the template is for its owner alone', () => {
  const path = databaseFolder(folder)
  const modes = new Map<string, string>([[path, modeOf(path)]])
  for (const entry of readdirSync(path, { recursive: true, encoding: 'utf8' })) modes.set(entry, modeOf(join(path, entry)))
  expect(modes.size).toBeGreaterThan(100)
  expect([...modes].filter(([name, mode]) => mode !== (statSync(name === path ? path : join(path, name)).isDirectory() ? '700' : '600'))).toEqual([])
})

test('a secret is made once, with 32 bytes, and kept', () => {
  const first = secretFile(folder, 'key-pepper')
  expect(Buffer.from(first, 'base64')).toHaveLength(32)
  expect(secretFile(folder, 'key-pepper')).toBe(first)
  expect(modeOf(join(folder, 'key-pepper'))).toBe('600')
  expect(secretFile(folder, 'auth-secret')).not.toBe(first)
})
