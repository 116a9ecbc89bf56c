import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Running {
  readonly child: ChildProcess
  /** Everything that it printed. */
  readonly printed: string[]
  readonly exited: Promise<number | null>
}

/** Another user than the one who installed; only root can be them. */
export const nobody = { uid: 65_534, gid: 65_534 }

function start([program = '', ...args]: readonly string[], options: SpawnOptions): Running {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const printed: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (part: string) => printed.push(part))
  const exited = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  return { child, printed, exited }
}

/** Runs a command to its end, and answers what it printed. Throws that if it fails. */
export async function runCommand(command: readonly string[], options: SpawnOptions): Promise<string> {
  const { printed, exited } = start(command, options)
  const code = await exited
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${printed.join('')}`)
  return printed.join('')
}

export const runAsNobody = (command: readonly string[], options: SpawnOptions): Promise<string> => runCommand(command, { ...options, ...nobody })

export interface Installed {
  /** What `npm pack` made. */
  readonly tarball: string
  /** The folder that was empty before. */
  readonly app: string
  /** The command `aura-keys` in it. */
  readonly program: string
  /** What npm printed. */
  readonly printed: string
  remove(): void
}

/** Packs this project, and installs the tarball without development dependencies into an empty folder, where other users can run it. */
export async function installPacked(): Promise<Installed> {
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-installed-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    chmodSync(folder, 0o755)
    const app = join(folder, 'app')
    mkdirSync(app)
    await runCommand(['npm', 'pack', '--ignore-scripts', '--pack-destination', folder], {})
    const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '')
    // With engine-strict a dependency that wants a newer Node than this one fails. CI has the oldest that is supported.
    const options = ['--omit=dev', '--engine-strict', '--prefer-offline', '--no-audit', '--no-fund']
    const printed = await runCommand(['npm', 'install', ...options, tarball], { cwd: app })
    return { tarball, app, program: join(app, 'node_modules', '.bin', 'aura-keys'), printed, remove }
  } catch (error) {
    remove()
    throw error
  }
}

/** Starts a server as another user; answers once it serves. */
export async function serveAsNobody(command: readonly string[], options: SpawnOptions): Promise<{ printed: string[]; stop(): Promise<number | null> }> {
  const { child, printed, exited } = start(command, { ...options, ...nobody })
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', () => printed.join('').includes('serves at') && resolve())
    exited.then((code) => reject(new Error(`the server ended with ${code}: ${printed.join('')}`)), reject)
  })
  return {
    printed,
    stop: () => {
      child.kill('SIGTERM')
      return exited
    },
  }
}

/** Makes an app, an instance and a key over HTTP as the owner with this token; answers the code of the key's verification. */
export async function createAndVerify(url: string, token: string): Promise<string> {
  const graphql = async <T>(query: string): Promise<T> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) })
    const { data, errors } = (await response.json()) as { data: Record<string, T>; errors?: unknown }
    if (errors) throw new Error(JSON.stringify(errors))
    return Object.values(data)[0] as T
  }
  const { app } = await graphql<{ app: { id: string } }>('mutation { createApp(input: { slug: "packed", name: "Packed" }) { app { id } } }')
  const { instance } = await graphql<{ instance: { id: string } }>(
    `mutation { createAppInstance(input: { appId: "${app.id}", name: "first" }) { instance { id } } }`,
  )
  const { plaintext } = await graphql<{ plaintext: string }>(
    `mutation { createApiKey(input: { instanceId: "${instance.id}", name: "key", expiresInDays: 9 }) { plaintext } }`,
  )
  const answer = await fetch(`${url}/v1/verify`, { method: 'POST', body: JSON.stringify({ key: plaintext, instanceId: instance.id }) })
  return ((await answer.json()) as { code: string }).code
}
