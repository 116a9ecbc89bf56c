import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { databaseFolder, FolderInUse, lockFolder, secretFile } from '../../src/store/data-folder.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aura-keys-folder-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)
const lock = (content: object): void => writeFileSync(join(folder, 'lock'), JSON.stringify(content))
const own = (): { processId: number; startedAt: string; machine: string } => {
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

test('the lock of a process that was killed is taken over, although its parent does not ask after it', async () => {
  // `sh` starts the child, stops itself, and so leaves a zombie.
  const parent = spawn('sh', ['-c', 'sleep 600 & echo $!; kill -STOP $$; wait'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const child = Number(await new Promise<string>((resolve) => parent.stdout.once('data', (part) => resolve(String(part)))))
  const stat = (id: number | undefined): string[] =>
    readFileSync(`/proc/${id}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
  try {
    if (!existsSync('/proc/self/stat')) return
    await vi.waitFor(() => expect(stat(parent.pid)[0]).toBe('T'), 20_000)
    lock({ ...own(), processId: child, startedAt: stat(child)[19] })
    expect(() => lockFolder(folder)).toThrow(FolderInUse)
    process.kill(child, 'SIGKILL')
    await vi.waitFor(() => expect(stat(child)[0]).toBe('Z'), 20_000)
    lockFolder(folder).release()
  } finally {
    process.kill(child, 'SIGKILL')
    parent.kill('SIGKILL')
  }
})

test('the lock of another machine or container is never taken over, and the refusal says what to delete', () => {
  const { machine } = own()
  lock({ processId: 4_000_000, startedAt: '1', machine: `elsewhere ${machine}` })
  expect(() => lockFolder(folder)).toThrow(FolderInUse)
  expect(() => lockFolder(folder)).toThrow(`delete ${join(folder, 'lock')}`)
  expect(readdirSync(folder)).toEqual(['lock'])
  lock({ processId: 4_000_000, startedAt: '1', machine })
  lockFolder(folder).release()
})

test('the database copied from the template is for its owner alone', () => {
  const path = databaseFolder(folder)
  const modes = new Map<string, string>([[path, modeOf(path)]])
  for (const entry of readdirSync(path, { recursive: true, encoding: 'utf8' })) modes.set(entry, modeOf(join(path, entry)))
  expect(modes.size).toBeGreaterThan(100)
  expect([...modes].filter(([name, mode]) => mode !== (statSync(name === path ? path : join(path, name)).isDirectory() ? '700' : '600'))).toEqual([])
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
