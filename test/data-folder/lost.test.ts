import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createOwnMark } from '../../src/verification/marks.ts'
import { fillDataFolder } from '../support/folders.ts'
import { compiled, type LockProcess, runScript, startHolder, times } from '../support/lock-processes.ts'

let folder: string
const started: LockProcess[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aura-keys-lost-'))
  fillDataFolder(folder)
})
afterEach(async () => {
  for (const { child } of started) child.kill('SIGKILL')
  await Promise.all(started.splice(0).map(({ ended }) => ended))
  rmSync(folder, { recursive: true, force: true })
})

/** A server without its transports, which executes the statements that it is given. */
const serving = `
const [composing, configuring, times, ...statements] = process.argv.slice(1)
const { compose } = await import(composing)
const { loadConfig } = await import(configuring)
const { database } = await compose(loadConfig(), { lockTimes: JSON.parse(times) })
for (const statement of statements) {
  console.log('executes ' + statement.slice(0, 6))
  await database.client.$executeRawUnsafe(statement)
}
process.on('SIGUSR2', () => database.client.$queryRawUnsafe('SELECT 1').then(() => console.log('answered')))
console.log('idle')
setInterval(() => {}, 1_000)`

function start(statements: readonly string[], given = times): LockProcess {
  const values = [compiled('compose.js'), compiled('config.js'), JSON.stringify(given), ...statements]
  const server = runScript(serving, values, { env: { PATH: process.env['PATH'], DATA_DIR: folder } })
  started.push(server)
  return server
}

/** All files of the database, with their sizes and times. */
const files = (): string[] =>
  readdirSync(join(folder, 'pg'), { recursive: true, encoding: 'utf8' })
    .map((name) => {
      const { size, mtimeNs } = statSync(join(folder, 'pg', name), { bigint: true })
      return `${name} ${size} ${mtimeNs}`
    })
    .sort()

/** The files that differ, with how much they have grown. */
function grown(before: readonly string[], after: readonly string[]): { name: string; by: number }[] {
  const sizes = new Map(before.map((line) => [line.split(' ')[0] as string, Number(line.split(' ')[1])]))
  return after
    .filter((line) => !before.includes(line))
    .map((line) => line.split(' ') as [string, string])
    .map(([name, size]) => ({ name, by: Number(size) - (sizes.get(name) ?? 0) }))
}

/** Lets another process take the folder of a stopped one: as on another machine, where nobody can ask it. */
async function takeFrom(stopped: LockProcess): Promise<string[]> {
  stopped.signal('SIGSTOP')
  const { id } = JSON.parse(readFileSync(join(folder, 'lock'), 'utf8')) as { id: string }
  rmSync(join(folder, `lock.${id}.sock`))
  const next = startHolder(folder)
  started.push(next)
  await next.said('held')
  return files()
}

const ending = expect.stringMatching(/This process ends, because the data directory .* is not its own any more: it was taken over by process \d+ on /)

test('a server that was stopped in the middle of a statement, and whose folder was taken, ends with no write that it had not begun', async () => {
  // Rows of 1,000 bytes, ten times as many as are written before it is stopped.
  const server = start(['CREATE TABLE scratch (text text)', "INSERT INTO scratch SELECT repeat('x', 1000) FROM generate_series(1, 2000000)"])
  await server.said('executes INSERT')
  const before = files().join()
  await vi.waitFor(() => expect(files().join()).not.toBe(before), 20_000)
  const taken = await takeFrom(server)
  server.signal('SIGCONT')
  expect(await server.ended).toBe(1)
  expect(server.lines.at(-1)).toEqual(ending)
  // It may have been stopped between its look at the lock and the write that this look was for, which is of one page.
  const changed = grown(taken, files())
  expect(changed.length).toBeLessThanOrEqual(1)
  for (const { by } of changed) expect(by).toBeLessThanOrEqual(8_192)
})

test('a server that was stopped while it had nothing to do, and whose folder was taken, ends without writing', async () => {
  const server = start([])
  await server.said('idle')
  const taken = await takeFrom(server)
  server.signal('SIGCONT')
  expect(await server.ended).toBe(1)
  expect(server.lines.at(-1)).toEqual(ending)
  expect(files()).toEqual(taken)
})

test('a server answers no statement, although it writes nothing, once its folder may be of somebody else', async () => {
  const server = start([], { ...times, beatMs: 1_000_000 })
  await server.said('idle')
  server.signal('SIGUSR2')
  await server.said('answered')
  rmSync(join(folder, 'lock'))
  await pause(2 * times.checkMs)
  server.signal('SIGUSR2')
  expect(await server.ended).toBe(1)
  expect(server.lines.slice(-2)).toEqual(['answered', expect.stringContaining('is not its own any more: its lock was removed.')])
})

test('a server that is busy with one statement for longer than its signs of life may be missing keeps its folder', async () => {
  const server = start(["DO $$ BEGIN WHILE clock_timestamp() < now() + interval '4 seconds' LOOP END LOOP; END $$"])
  await server.said('executes DO $$')
  const other = startHolder(folder, [], { ...times, stillMs: 1_000 })
  expect(await other.ended).toBe(4)
  await server.said('idle')
})

test('what is known from memory counts only while the folder is known to be its own', () => {
  const check = vi.fn<() => void>()
  const mark = createOwnMark(check)
  const now = { mono: 0, wall: 0 }
  mark.inHand('org', now)
  check.mockImplementation(() => {
    throw new Error('lost')
  })
  expect(() => mark.inHand('org', now)).toThrow('lost')
})
