import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Company, createCompany } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'

const folder = mkdtempSync(join(tmpdir(), 'aura-keys-live-'))
const children: ChildProcess[] = []
let server: TestServer
let company: Company
let tokenFile: string

/** Between the scripts and the server, so that lines can be cut. */
const lines = new Set<Socket>()
const cutLines = (): void => {
  for (const line of lines) line.destroy()
}
const proxy = createServer((near) => {
  const far = connect(Number(new URL(server.url).port), '127.0.0.1')
  for (const [line, other] of [
    [near, far],
    [far, near],
  ] as const) {
    lines.add(line)
    line.pipe(other)
    line
      .on('error', () => undefined)
      .on('close', () => {
        lines.delete(line)
        other.destroy()
      })
  }
})

beforeAll(async () => {
  server = await startServer()
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  company = await createCompany(server)
  tokenFile = join(folder, 'token')
  writeFileSync(tokenFile, await server.token('ownA', 'a'))
})
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  proxy.close()
  cutLines()
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Runs a script as the page says, with everything that it printed and its end. */
function run(script: 'badges' | 'follow', ...args: string[]) {
  const env = { PATH: process.env['PATH'], URL: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, TOKEN_COMMAND: `cat ${tokenFile}` }
  const child = spawn(process.execPath, [`examples/live/${script}.mjs`, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  const printed = { out: '', err: '' }
  child.stdout.on('data', (part: Buffer) => (printed.out += part))
  child.stderr.on('data', (part: Buffer) => (printed.err += part))
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  return { child, printed, ended }
}
const parsed = <Line>(text: string): Line[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)

interface Badge {
  instance: string
  active: number
  version: number
}
interface Change {
  version: number
  kind: string
  apiKey?: { id: string; status: string }
}
const changes = (file: string): Change[] => (existsSync(file) ? parsed<Change>(readFileSync(file, 'utf8')) : [])
const version = async (): Promise<number> => Number(await server.app.ports.organizations.version(company.members.ownA.organizationId))
const slow = { timeout: 20_000, interval: 50 }

test('badges show the counts at once and every newer one, and come back after the line broke', async () => {
  const { printed } = run('badges', company.I1, company.I2)
  const shown = () => parsed<Badge>(printed.out)
  await vi.waitFor(() => expect(shown().map(({ instance }) => instance)).toEqual(['I1', 'I2']), slow)
  for (let made = 1; made <= 3; made++) {
    await company.createKey('ownA', company.I1)
    await vi.waitFor(() => expect(shown().at(-1)).toMatchObject({ instance: 'I1', active: made }), slow)
  }
  cutLines()
  await company.createKey('ownA', company.I2)
  await vi.waitFor(() => expect(shown().at(-1)).toMatchObject({ instance: 'I2', active: 1 }), slow)
  for (const name of ['I1', 'I2']) {
    const versions = shown().flatMap(({ instance, version }) => (instance === name ? [version] : []))
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b))
  }
  expect(printed.err).toBe('')
})

test('changes are written once and in order, although the script is killed in the middle', async () => {
  const file = join(folder, 'changes.log')
  const begin = await version()
  const first = run('follow', file)
  await vi.waitFor(() => expect(changes(file)).toMatchObject([{ kind: 'READ_ANEW', version: begin }]), slow)
  const write = async (): Promise<void> => {
    for (let made = 0; made < 10; made++) await company.createKey('ownA', company.I1)
  }
  await write()
  await vi.waitFor(() => expect(changes(file).length).toBeGreaterThan(3), slow)
  first.child.kill('SIGKILL')
  await first.ended
  await write()
  const second = run('follow', file)
  await vi.waitFor(() => expect(changes(file).length).toBeGreaterThan(15), slow)
  cutLines()
  await write()
  const expected = Array.from({ length: 31 }, (_, index) => begin + index)
  await vi.waitFor(() => expect(changes(file).map((change) => change.version)).toEqual(expected), slow)
  // A line that was cut in two is written again.
  second.child.kill('SIGKILL')
  await second.ended
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.slice(0, -20))
  const third = run('follow', file)
  await vi.waitFor(() => expect(readFileSync(file, 'utf8')).toBe(text), slow)
  third.child.kill('SIGKILL')
  await third.ended
})

test('when the past is gone, the list is read anew and the changes go on from there', async () => {
  const file = join(folder, 'ancient.log')
  writeFileSync(file, '{"version":1,"kind":"API_KEY_CREATED"}\n')
  const start = server.time.now
  server.time.now = new Date(start.getTime() + 91 * 86_400_000)
  writeFileSync(tokenFile, await server.token('ownA', 'a'))
  const { child, ended } = run('follow', file)
  await vi.waitFor(() => expect(changes(file)[1]).toMatchObject({ kind: 'READ_ANEW' }), slow)
  // Keys expire meanwhile, since the clock jumped: every one of these changes is there too.
  const key = await company.createKey('ownA', company.I1)
  const found = () => changes(file).find(({ apiKey }) => apiKey?.id === key.id)
  await vi.waitFor(() => expect(found()).toMatchObject({ kind: 'API_KEY_CREATED', apiKey: { status: 'ACTIVE' } }), slow)
  const versions = changes(file).map((change) => change.version)
  expect(versions.slice(1)).toEqual(Array.from(versions.slice(1), (_, index) => (versions[1] ?? 0) + index))
  child.kill('SIGKILL')
  await ended
  server.time.now = start
})

test('a token that is none ends the script with a message', async () => {
  writeFileSync(tokenFile, 'none')
  const { printed, ended } = run('follow', join(folder, 'refused.log'))
  expect(await ended).toBe(1)
  expect(printed.err).toMatch(/UNAUTHENTICATED/)
})
