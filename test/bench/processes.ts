import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { Client } from 'pg'

const canPin = process.platform === 'linux' && spawnSync('taskset', ['--version']).status === 0
export const pinning = canPin ? 'server on core 0, clients on core 1' : 'not pinned to cores: there is no taskset here'

const children: ChildProcess[] = []

/** Starts a Node program on one core, with as many open files as the system allows. `node`: with which Node. */
export function start(core: number, file: string, args: readonly string[] = [], env: Record<string, string> = {}, node = process.execPath): ChildProcess {
  const command = `ulimit -n "$(ulimit -Hn)"; exec ${canPin ? `taskset -c ${core} ` : ''}"$@"`
  const child = spawn('bash', ['-c', command, 'bash', node, file, ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  children.push(child)
  return child
}

export function endProcesses(): void {
  for (const child of children) child.kill('SIGKILL')
}

export interface Server {
  readonly pid: number
  readonly url: string
  end(): Promise<void>
}

export const ending = (child: ChildProcess) => async (): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

/** Installs what the servers in a folder of the benchmarks need, unless it is there: it is no part of the project. */
export function install(folder: string): void {
  const cwd = `test/bench/${folder}`
  const [lock, installed] = [`${cwd}/package-lock.json`, `${cwd}/node_modules/.package-lock.json`]
  if (existsSync(installed) && statSync(installed).mtimeMs > statSync(lock).mtimeMs) return
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd, stdio: 'inherit' })
  if (status !== 0) throw new Error(`what ${cwd} needs could not be installed`)
}

/** A small server of a benchmark; it says where it listens. */
export function startSmallServer(file: string, args: readonly string[] = [], env: Record<string, string> = {}, node?: string): Promise<Server> {
  const child = start(0, `test/bench/${file}`, args, env, node)
  return new Promise((resolve, reject) => {
    child.once('message', ({ url }: { url: string }) => resolve({ pid: child.pid ?? 0, url, end: ending(child) }))
    child.once('exit', (code) => reject(new Error(`${file} ended with ${code}`)))
  })
}

/** This server, as `npm start` runs it. */
export async function startThisServer(env: Record<string, string>): Promise<Server> {
  const child = start(0, 'dist/main.js', ['serve', '--demo'], env)
  const url = `http://127.0.0.1:${env['PORT']}`
  for (;;) {
    const ready = await fetch(`${url}/readyz`).then(
      ({ status }) => status === 200,
      () => false,
    )
    if (ready) return { pid: child.pid ?? 0, url, end: ending(child) }
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Asks a child for one thing after another; it answers each by one message. */
export const asking =
  (child: ChildProcess) =>
  <Answer>(command: string, input: object = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      child.once('message', (message: { answer: Answer; error?: string }) => (message.error ? reject(new Error(message.error)) : resolve(message.answer)))
      child.send({ command, ...input })
    })

/** Fields of /proc/…/stat after the name, of which the kernel counts time in hundredths of a second. */
const stat = (pid: number): string[] =>
  readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
const sum = (fields: readonly (string | undefined)[]): number => fields.reduce((total, field) => total + Number(field), 0)

/** CPU time of a process so far, in microseconds. */
export const cpuMicros = ({ pid }: Pick<Server, 'pid'>): number => sum(stat(pid).slice(11, 13)) * 10_000

/** The first process of the PostgreSQL at `url`, which runs here; with what it starts from now on it stays on the core of the clients. */
export async function findPostgres(url: string): Promise<number> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS pid")
  await client.end()
  if (canPin) spawnSync('taskset', ['-cp', '1', rows[0].pid])
  return Number(rows[0].pid)
}

/** CPU time of all processes of a PostgreSQL so far, in microseconds: those that ended are counted with the first one. */
export function postgresMicros(first: number): number {
  let ticks = sum(stat(first).slice(11, 15))
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = stat(Number(pid))
      if (fields[1] === String(first)) ticks += sum(fields.slice(11, 13))
    } catch {
      // It ended meanwhile.
    }
  }
  return ticks * 10_000
}

/** Resident memory of a process, in kB. */
export const residentKb = ({ pid }: Server): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
