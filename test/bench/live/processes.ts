import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const canPin = process.platform === 'linux' && spawnSync('taskset', ['--version']).status === 0
export const pinning = canPin ? 'server on core 0, clients on core 1' : 'not pinned to cores: there is no taskset here'

const children: ChildProcess[] = []

/** Starts a Node program on one core, with as many open files as the system allows. */
function start(core: number, file: string, args: readonly string[] = [], env: Record<string, string> = {}): ChildProcess {
  const command = `ulimit -n "$(ulimit -Hn)"; exec ${canPin ? `taskset -c ${core} ` : ''}"$@"`
  const child = spawn('bash', ['-c', command, 'bash', process.execPath, file, ...args], {
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

const ending = (child: ChildProcess) => async (): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

/** One of the small servers beside this file; it says where it listens. */
export function startSmallServer(name: 'bare-server' | 'stock-server'): Promise<Server> {
  const child = start(0, `test/bench/live/${name}.mjs`)
  return new Promise((resolve) => child.once('message', ({ url }: { url: string }) => resolve({ pid: child.pid ?? 0, url, end: ending(child) })))
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

export interface Clients {
  open(how: { url: string; authorization: string; subscriptions: object[]; answers: number; count: number; wave: number; isSilent?: boolean }): Promise<void>
  cut(): Promise<void>
  end(): Promise<void>
  /** The moments at which each version arrived, since the last report. */
  report(): Promise<[version: number, moments: number[]][]>
  /** The newest number of active keys by subscription. */
  newest(): Promise<[string, number][]>
}

export function startClients(): Clients {
  const child = start(1, 'test/bench/live/clients.mjs')
  const ask = <Answer>(command: string, input: object = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      child.once('message', (message: { answer: Answer; error?: string }) => (message.error ? reject(new Error(message.error)) : resolve(message.answer)))
      child.send({ command, ...input })
    })
  return { open: (how) => ask('open', how), cut: () => ask('cut'), report: () => ask('report'), newest: () => ask('newest'), end: ending(child) }
}

/** CPU time of a process so far, in microseconds. */
export function cpuMicros({ pid }: Server): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  // The kernel counts in hundredths of a second.
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

/** Resident memory of a process, in kB. */
export const residentKb = ({ pid }: Server): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
