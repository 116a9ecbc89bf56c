import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { LockTimes } from '../../src/store/folder-lock.ts'

/** Short ones. A holder on a busy machine still gives many signs of life in `stillMs`. */
export const times: LockTimes = { beatMs: 50, checkMs: 300, stillMs: 2_000 }

const inNamespaces = (...more: readonly string[]): readonly string[] => [
  'unshare',
  ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']),
  ...['--pid', '--fork', '--kill-child', '--mount-proc', '--uts', '--mount', ...more, 'sh', '-c', 'hostname "$0" && exec "$@"'],
]

/** Runs a process in namespaces of its own, with a host name of its own, which comes next: what a container is to a lock. */
export const inContainer = inNamespaces('--net')

/** The same on the network of this machine. */
export const inReachableContainer = inNamespaces()

export interface LockProcess {
  readonly child: ChildProcess
  /** The lines that it printed. */
  readonly lines: string[]
  /** Its exit code, once all of it is gone. */
  readonly ended: Promise<number | null>
  /** Waits for a line that begins so. */
  said(beginning: string): Promise<string>
  /** Sends a signal to the process itself, also in a container. */
  signal(name: NodeJS.Signals): void
}

/** Runs a command; `under` is a command that runs it, such as one of a container. */
export function startUnder(command: readonly string[], { under = [] as readonly string[], env = process.env } = {}): LockProcess {
  const [program = '', ...line] = [...under, ...command]
  const child = spawn(program, line, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  let rest = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      const [last = '', ...before] = `${rest}${part}`.split('\n').reverse()
      rest = last
      lines.push(...before.reverse())
      for (const look of waiting) look()
    })
  }
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  return {
    child,
    lines,
    ended,
    said: (beginning) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const line = lines.find((each) => each.startsWith(beginning))
          if (line !== undefined) resolve(line)
        }
        waiting.add(look)
        look()
        void ended.then(() => reject(new Error(`it ended: ${lines.join('\n')}`)))
      }),
    signal: (name) => {
      const own = under.length === 0 ? child.pid : Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'))
      process.kill(own ?? 0, name)
    },
  }
}

/** Runs a script as an ES module, with the arguments `values`. */
export const runScript = (script: string, values: readonly string[], options?: Parameters<typeof startUnder>[1]): LockProcess =>
  startUnder([process.execPath, '--input-type=module', '--eval', script, ...values], options)

export const compiled = (path: string): string => pathToFileURL(join(process.cwd(), 'dist', path)).href

const holding = `
const [url, folder, times] = process.argv.slice(1)
const { lockFolder } = await import(url)
const { appendFileSync } = await import('node:fs')
try {
  const lost = (message) => { console.log('lost ' + message); process.exit(3) }
  const lock = await lockFolder(folder, { times: JSON.parse(times), waiting: (message) => console.log('waiting ' + message), lost })
  process.once('SIGTERM', () => { lock.release(); process.exit(0) })
  const write = () => { lock.check(); try { appendFileSync(folder + '/written', 'x') } catch {} }
  write()
  setInterval(write, 5)
  console.log('held')
} catch (error) {
  console.log(error.name + ' ' + error.message)
  process.exit(error.name === 'FolderInUse' ? 4 : 5)
}`

/** Starts a process that takes the lock of a folder and then writes into the folder all the time; it prints `held`, or why not. */
export const startHolder = (folder: string, under: readonly string[] = [], given: LockTimes = times): LockProcess =>
  runScript(holding, [compiled('store/folder-lock.js'), folder, JSON.stringify(given)], { under })
