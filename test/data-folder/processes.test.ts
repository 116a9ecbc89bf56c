import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { fillDataFolder } from '../support/folders.ts'
import { inContainer, type LockProcess, runScript, startHolder, times } from '../support/lock-processes.ts'

let folder: string
const started: LockProcess[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aura-keys-lock-'))
})
afterEach(async () => {
  for (const { child } of started) child.kill('SIGKILL')
  await Promise.all(started.splice(0).map(({ ended }) => ended))
  rmSync(folder, { recursive: true, force: true })
})

const container = (name: string): readonly string[] => [...inContainer, name]
const here: readonly string[] = []
const pairs = [
  ['this machine', 'this machine', here, here],
  ['a container', 'another one', container('one'), container('two')],
  ['a container', 'one of the same name', container('one'), container('one')],
  ['a container', 'this machine', container('one'), here],
  ['this machine', 'a container', here, container('one')],
] as const

function start(path: string, under: readonly string[] = [], given = times): LockProcess {
  const holder = startHolder(path, under, given)
  started.push(holder)
  return holder
}

async function holderIn(path: string, under: readonly string[] = [], given = times): Promise<LockProcess> {
  const holder = start(path, under, given)
  await holder.said('held')
  return holder
}

const lockOf = (path = folder): Record<string, unknown> => JSON.parse(readFileSync(join(path, 'lock'), 'utf8')) as Record<string, unknown>
const edit = (change: object): void => writeFileSync(join(folder, 'lock'), JSON.stringify({ ...lockOf(), ...change }))
const removeSocket = (): void => rmSync(join(folder, `lock.${String(lockOf()['id'])}.sock`))

async function kill({ signal, ended }: LockProcess): Promise<void> {
  signal('SIGKILL')
  await ended
}

/** With this, whoever waits for signs of life does not take the lock before the test ends. */
const patient = { ...times, stillMs: 1_000_000 }

test.each(pairs)('what a process killed in %s held, one in %s takes at once', async (_, __, one, other) => {
  await kill(await holderIn(folder, one))
  expect(existsSync(join(folder, 'lock'))).toBe(true)
  const next = await holderIn(folder, other, patient)
  expect(next.lines).toEqual(['held'])
  expect(readdirSync(folder).filter((name) => name.startsWith('lock'))).toHaveLength(2)
  next.signal('SIGTERM')
  await next.ended
  expect(readdirSync(folder)).toEqual(['written'])
})

test.each(pairs)('what a process in %s holds is refused to one in %s, also while it is stopped', async (_, __, one, other) => {
  const holder = await holderIn(folder, one)
  const { machine, processId } = lockOf()
  expect(machine).toBe(one.length === 0 ? hostname() : 'one')
  for (const state of ['SIGCONT', 'SIGSTOP'] as const) {
    holder.signal(state)
    const next = start(folder, other, patient)
    expect(await next.ended).toBe(4)
    expect(next.lines.join()).toMatch(new RegExp(`^FolderInUse .* is in use by process ${String(processId)} on ${String(machine)} since .*Stop that one`))
  }
  expect(lockOf()).toMatchObject({ machine, processId })
})

test('a long path makes no difference between containers', async () => {
  const long = join(folder, ...['x', 'y'].map((letter) => letter.repeat(200)))
  const holder = await holderIn(long, container('one'), patient)
  expect(await start(long, container('two'), patient).ended).toBe(4)
  await kill(holder)
  expect((await holderIn(long, container('two'), patient)).lines).toEqual(['held'])
})

test('a killed process that its parent does not ask after holds nothing', async () => {
  // `sh` starts the holder, stops itself, and so leaves a zombie.
  const parent = start(folder, ['sh', '-c', '"$@" & echo "pid $!"; kill -STOP $$; wait', 'sh'])
  await parent.said('held')
  const pid = Number((await parent.said('pid ')).slice(4))
  process.kill(pid, 'SIGKILL')
  await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toMatch(/\) Z /), 20_000)
  expect((await holderIn(folder, [], patient)).lines).toEqual(['held'])
})

/** What leaves a process that cannot be asked. */
const unasked: Readonly<Record<string, () => void>> = {
  'of another boot': () => edit({ bootId: '00000000-0000-0000-0000-000000000000' }),
  'of an unknown boot': () => edit({ bootId: null }),
  'of another mount of the same storage': () => edit({ device: '0' }),
  'whose socket is lost': () => {},
}

test.each(Object.entries(unasked))('a lock %s is taken only after its holder gave no sign of life for a while', async (_, change) => {
  const holder = await holderIn(folder)
  removeSocket()
  change()
  const early = start(folder)
  expect(await early.ended).toBe(4)
  expect(early.lines).toEqual([expect.stringMatching(/^waiting .*gives no sign of life for 2 seconds/), expect.stringMatching(/^FolderInUse /)])
  await kill(holder)
  const at = performance.now()
  const next = await holderIn(folder)
  expect(performance.now() - at).toBeGreaterThan(times.stillMs * 0.95)
  expect(next.lines).toEqual([early.lines[0], 'held'])
})

test.each(['of another boot', 'of an unknown boot', 'of another mount of the same storage'])(
  'a lock %s in whose socket nobody listens is not taken at once',
  async (name) => {
    await kill(await holderIn(folder))
    unasked[name]?.()
    expect((await holderIn(folder)).lines).toEqual([expect.stringMatching(/^waiting /), 'held'])
  },
)

test('a lock that an editor replaced keeps its holder', async () => {
  const holder = await holderIn(folder)
  const copy = join(folder, 'copy')
  writeFileSync(copy, JSON.stringify({ ...lockOf(), bootId: 'x' }))
  removeSocket()
  renameSync(copy, join(folder, 'lock'))
  expect(await start(folder).ended).toBe(4)
  expect(holder.lines).toEqual(['held'])
})

test('a stopped holder whose lock was taken ends without writing when it is continued', async () => {
  const holder = await holderIn(folder, container('one'))
  holder.signal('SIGSTOP')
  removeSocket()
  const next = await holderIn(folder, container('two'))
  await kill(next)
  const { size } = statSync(join(folder, 'written'))
  const taken = lockOf()
  holder.signal('SIGCONT')
  expect(await holder.ended).toBe(3)
  expect(holder.lines).toEqual(['held', expect.stringMatching(/^lost .*is not its own any more: it was taken over by process 1 on two since/)])
  expect([statSync(join(folder, 'written')).size, lockOf()]).toEqual([size, taken])
})

test('a pause of a waiting process does not count as a standstill', async () => {
  const holder = await holderIn(folder)
  removeSocket()
  holder.signal('SIGSTOP')
  const next = start(folder)
  await next.said('waiting')
  // It has looked at the lock a few times.
  await pause(times.stillMs / 4)
  next.signal('SIGSTOP')
  await pause(1.2 * times.stillMs)
  next.signal('SIGCONT')
  await pause(times.stillMs / 8)
  holder.signal('SIGCONT')
  expect(await next.ended).toBe(4)
  expect(holder.lines).toEqual(['held'])
})

const losses: Readonly<Record<string, [() => void, RegExp]>> = {
  'its lock was removed': [() => rmSync(join(folder, 'lock')), /: its lock was removed\.$/],
  'its folder is gone': [() => renameSync(folder, `${folder}.gone`), /: its lock was removed\.$/],
  'its lock is no file any more': [
    () => {
      rmSync(join(folder, 'lock'))
      mkdirSync(join(folder, 'lock'))
    },
    /: its lock cannot be renewed \(EISDIR\)\.$/,
  ],
}

test.each(Object.entries(losses))('a holder ends when %s', async (_, [lose, message]) => {
  const holder = await holderIn(folder)
  lose()
  expect(await holder.ended).toBe(3)
  expect(holder.lines.at(-1)).toMatch(message)
  rmSync(`${folder}.gone`, { recursive: true, force: true })
})

test('of processes that start at once exactly one gets the lock, over and over', async () => {
  for (let round = 0; round < 6; round++) {
    const all = [here, container('one'), container('two')].map((under) => start(folder, under, patient))
    const ends = await Promise.all(all.map(async ({ said, ended }) => Promise.race([said('held').then(() => 'held'), ended.then(String)])))
    expect(ends.sort()).toEqual(['4', '4', 'held'])
    // The next round finds what a killed process leaves.
    for (const one of all) if (one.lines.includes('held')) await kill(one)
  }
})

const commands: Readonly<Record<string, readonly string[]>> = {
  serve: [],
  migrate: [],
  bootstrap: ['--org', 'Acme', '--owner', 'ada@acme.example'],
  'add-owner': ['--org', 'acme', '--owner', 'bob@acme.example'],
}

test('each command that opens the embedded database is refused while a container has it, and then finds it free', async () => {
  fillDataFolder(folder)
  const run = async (command: string): Promise<[number | null, string]> => {
    const env = { PATH: process.env['PATH'], DATA_DIR: folder, PORT: '0' }
    const script = runScript("await import('./dist/main.js')", ['aura-keys', command, ...(commands[command] ?? [])], { env })
    started.push(script)
    return [await script.ended, script.lines.join()]
  }
  const holder = await holderIn(folder, container('one'))
  for (const command of Object.keys(commands)) {
    expect(await run(command), command).toEqual([
      1,
      expect.stringMatching(/^The data directory .* is in use by process 1 on one since .* or set DATA_DIR to another folder\.$/),
    ])
  }
  await kill(holder)
  expect(await run('bootstrap')).toEqual([0, expect.not.stringContaining('data directory')])
  expect(readdirSync(folder).filter((name) => name.startsWith('lock'))).toEqual([])
})

test('a data directory in which the kernel shows its processes is refused, wherever it is mounted', async () => {
  const under = [...container('one'), 'sh', '-c', 'mount -t proc proc "$0" && exec "$@"', folder]
  const env = { PATH: process.env['PATH'], DATA_DIR: join(folder, 'data') }
  const script = runScript("await import('./dist/main.js')", ['aura-keys', 'migrate'], { under, env })
  started.push(script)
  expect([await script.ended, script.lines.at(-1)]).toEqual([2, expect.stringContaining('DATA_DIR must be a folder for files')])
})
