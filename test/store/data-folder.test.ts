import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FolderInUse, lockFolder, secretFile } from '../../src/store/data-folder.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aura-keys-folder-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)
const lock = (content: object): void => writeFileSync(join(folder, 'lock'), JSON.stringify(content))
const own = (): { processId: number; startedAt: string } => {
  const held = lockFolder(folder)
  const content = JSON.parse(readFileSync(join(folder, 'lock'), 'utf8'))
  held.release()
  return content
}

test('the folder is 0700 and its files 0600', () => {
  const held = lockFolder(folder)
  secretFile(folder, 'key-pepper')
  expect([modeOf(folder), modeOf(join(folder, 'lock')), modeOf(join(folder, 'key-pepper'))]).toEqual(['700', '600', '600'])
  held.release()
})

test('a second process is refused while the first lives, and told which one it is', () => {
  const held = lockFolder(folder)
  expect(() => lockFolder(folder)).toThrow(FolderInUse)
  expect(() => lockFolder(folder)).toThrow(String(process.pid))
  held.release()
  lockFolder(folder).release()
})

test('the lock of a dead process is taken over at once', async () => {
  const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' })
  await new Promise((resolve) => child.once('exit', resolve))
  lock({ processId: child.pid, startedAt: own().startedAt })
  lockFolder(folder).release()
})

test('the lock of another process that had the same id is taken over', () => {
  const { processId } = own()
  lock({ processId, startedAt: 'long ago' })
  lockFolder(folder).release()
})

test('a lock that cannot be read is taken over', () => {
  writeFileSync(join(folder, 'lock'), '{"proc')
  lockFolder(folder).release()
})

test('a secret is made once, with 32 bytes, and kept', () => {
  const first = secretFile(folder, 'key-pepper')
  expect(Buffer.from(first, 'base64')).toHaveLength(32)
  expect(secretFile(folder, 'key-pepper')).toBe(first)
  expect(secretFile(folder, 'auth-secret')).not.toBe(first)
})
