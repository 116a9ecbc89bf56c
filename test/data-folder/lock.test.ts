import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type FolderLock, follower, type LockOptions, lockFolder, take } from '../../src/store/folder-lock.ts'
import { FolderInUse, thisProcess } from '../../src/store/lock-holder.ts'
import { times } from '../support/lock-processes.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aura-keys-lock-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

class Lost extends Error {}
const waiting = vi.fn<(message: string) => void>()
beforeEach(() => waiting.mockClear())
const lost: LockOptions['lost'] = (message) => {
  throw new Lost(message)
}
const lock = (path = folder, given = times): Promise<FolderLock> => lockFolder(path, { times: given, waiting, lost })
const pathOf = (name: string): string => join(folder, name)

/** What a killed process leaves: its lock, and a socket in which nobody listens; a file refuses connections like one. */
function leaveDead(id: string, name = 'lock'): { name: string; text: string } {
  const text = JSON.stringify(thisProcess(folder, id))
  writeFileSync(pathOf(name), text)
  writeFileSync(pathOf(`lock.${id}.sock`), '')
  return { name, text }
}
const [first, second, third] = ['1'.repeat(16), '2'.repeat(16), '3'.repeat(16)] as const

test('the folder is made 0700, its lock is 0600, and nothing is left of it at the end', async () => {
  const made = join(folder, 'made', 'here')
  const held = await lock(made)
  expect([statSync(made), statSync(join(made, 'lock'))].map(({ mode }) => (mode & 0o777).toString(8))).toEqual(['700', '600'])
  expect(readdirSync(made)).toHaveLength(2)
  held.release()
  expect(readdirSync(made)).toEqual([])
})

test('a second process is refused while the first lives, and told which one it is, since when, and what to do', async () => {
  const held = await lock()
  const { machine, since } = JSON.parse(readFileSync(pathOf('lock'), 'utf8')) as { machine: string; since: string }
  await expect(lock()).rejects.toThrow(FolderInUse)
  await expect(lock()).rejects.toThrow(
    `The data directory ${folder} is in use by process ${process.pid} on ${machine} since ${since}. Stop that one, or set DATA_DIR to another folder.`,
  )
  expect(waiting).not.toHaveBeenCalled()
  held.release()
  const again = await lock()
  again.release()
})

// Bytes count, not letters.
test.each(['x'.repeat(150), 'ü'.repeat(45)])('in a folder with a long path the holder is asked too: %s', async (name) => {
  const path = join(folder, name)
  const held = await lock(path)
  expect(readdirSync(path)).toHaveLength(2)
  await expect(lock(path)).rejects.toThrow(FolderInUse)
  expect(waiting).not.toHaveBeenCalled()
  held.release()
  expect(readdirSync(path)).toEqual([])
})

/** Locks that do not say how to ask their holder. */
const silent: Readonly<Record<string, string>> = {
  empty: '',
  cut: '{"id":"1111',
  'no lock at all': 'null',
  'of an older version': JSON.stringify({ processId: process.pid, startedAt: '1' }),
  'of an older version, on another machine': JSON.stringify({ processId: 1, startedAt: '1', machine: 'elsewhere pid:[1]' }),
  'with an id that is a path': JSON.stringify({ id: '../../../etc/x', processId: 1, machine: 'elsewhere' }),
}

test.each(Object.entries(silent))('a lock that is %s is taken after a standstill', async (_, text) => {
  writeFileSync(pathOf('lock'), text)
  const [at, stillMs] = [performance.now(), 500]
  const held = await lock(folder, { ...times, stillMs })
  expect(performance.now() - at).toBeGreaterThan(stillMs * 0.95)
  expect(waiting).toHaveBeenCalledTimes(1)
  expect(waiting.mock.calls[0]?.[0]).toMatch(
    / is locked by .+ gives no sign of life for 0\.5 seconds; if it still runs, stop it, or set DATA_DIR to another folder\.$/,
  )
  held.release()
  expect(readdirSync(folder)).toEqual([])
})

test.each(Object.entries(silent))('a lock that is %s is not taken while somebody writes the database', async (_, text) => {
  writeFileSync(pathOf('lock'), text)
  mkdirSync(pathOf('pg/pg_wal'), { recursive: true })
  const writing = setInterval(() => writeFileSync(pathOf('pg/pg_wal/000000010000000000000001'), 'x'), 200)
  try {
    await expect(lock()).rejects.toThrow(FolderInUse)
  } finally {
    clearInterval(writing)
  }
  expect(readFileSync(pathOf('lock'), 'utf8')).toBe(text)
})

test('a lock that its holder releases while another process waits is taken', async () => {
  writeFileSync(pathOf('lock'), '')
  const taking = lock()
  await vi.waitFor(() => expect(waiting).toHaveBeenCalled())
  rmSync(pathOf('lock'))
  const held = await taking
  held.release()
})

test('what a process left that was killed while it took the lock stops nobody, and is removed', async () => {
  const dead = leaveDead(first)
  leaveDead(second, follower(dead))
  const held = await lock()
  expect(waiting).not.toHaveBeenCalled()
  expect(readdirSync(folder)).toHaveLength(2)
  held.release()
  expect(readdirSync(folder)).toEqual([])
})

test('a process that has followed a dead one holds the lock, although it was stopped before it could replace the file', async () => {
  const held = await lock()
  const living = readFileSync(pathOf('lock'), 'utf8')
  const dead = leaveDead(first)
  writeFileSync(pathOf(follower(dead)), living)
  await expect(lock()).rejects.toThrow(`in use by process ${process.pid} on `)
  held.release()
})

test('a process that found a holder dead takes nothing, if another one was faster', () => {
  const dead = leaveDead(first)
  const stillGone = () => true
  expect(take(folder, second, [dead], stillGone)).toBe(true)
  const holds = readFileSync(pathOf('lock'), 'utf8')
  expect(take(folder, third, [dead], stillGone)).toBe(false)
  expect(take(folder, third, [], stillGone)).toBe(false)
  expect([readFileSync(pathOf('lock'), 'utf8'), readdirSync(folder)]).toEqual([holds, ['lock']])
})

test('a holder that comes back while its lock is taken keeps it', () => {
  const back = leaveDead(first)
  rmSync(pathOf(`lock.${first}.sock`))
  let follows = false
  const stillGone = (): boolean => {
    // From here on the holder sees that it is followed.
    follows = readdirSync(folder).includes(follower(back))
    return false
  }
  expect(take(folder, second, [back], stillGone)).toBe(false)
  expect([follows, readFileSync(pathOf('lock'), 'utf8'), readdirSync(folder)]).toEqual([true, back.text, ['lock']])
})

const starts: Readonly<Record<string, () => void>> = {
  'an empty folder': () => {},
  'the lock of a dead process': () => void leaveDead(first),
  'what two dead processes left': () => void leaveDead(second, follower(leaveDead(first))),
}

test.each(Object.entries(starts))('of processes that start at once on %s exactly one gets the lock', async (_, prepare) => {
  for (let round = 0; round < 50; round++) {
    prepare()
    const results = await Promise.allSettled([lock(), lock(), lock(), lock()])
    const held = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    expect([held.length, refused.filter((error) => error instanceof FolderInUse).length]).toEqual([1, 3])
    held[0]?.release()
    expect(readdirSync(folder)).toEqual([])
  }
})

test('a holder checks its lock after a pause that either clock saw, or a clock that was set back', async () => {
  const held = await lock(folder, { ...times, beatMs: 1_000_000, checkMs: 10_000 })
  rmSync(pathOf('lock'))
  held.check()
  for (const [clock, later] of [
    [performance, performance.now() + 11_000],
    [Date, Date.now() + 11_000],
    [Date, Date.now() - 11_000],
  ] as const) {
    const spy = vi.spyOn(clock, 'now').mockReturnValue(later)
    expect(held.check).toThrow(new Lost(`This process ends, because the data directory ${folder} is not its own any more: its lock was removed.`))
    spy.mockRestore()
    held.check()
  }
  held.release()
})
