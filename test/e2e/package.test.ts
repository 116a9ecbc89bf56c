import { chownSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAndVerify, type Installed, installPacked, nobody, runAsNobody, runCommand, serveAsNobody } from '../support/installed.ts'
import { createHome, type Home, onPostgres } from '../support/processes.ts'

const data = mkdtempSync(join(tmpdir(), 'aura-keys-volume-'))
let installed: Installed
let home: Home

beforeAll(async () => {
  home = await createHome({ DATA_DIR: data })
  chownSync(data, nobody.uid, nobody.gid)
  installed = await installPacked()
}, 240_000)

afterAll(async () => {
  await home.remove()
  installed.remove()
  rmSync(data, { recursive: true, force: true })
})

const filesOf = (path: string) =>
  readdirSync(path, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []))

test('IN-01 the tarball holds what a server needs, and neither sources nor tests nor what only developers run', async () => {
  const names = (await runCommand(['tar', 'tzf', installed.tarball], {})).trim().split('\n')
  const tops = new Set(names.map((name) => name.split('/').slice(1, 3).join('/')).map((name) => (name.startsWith('dist/') ? 'dist' : name)))
  expect([...tops].sort()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json', 'prisma/migrations', 'prisma/schema.prisma', 'schema/schema.graphql'])
  for (const needed of ['dist/main.js', 'dist/template.tar.gz', 'dist/portal/index.html', 'dist/client/verify.d.ts', 'dist/generated/prisma/client.js']) {
    expect(names).toContain(`package/${needed}`)
  }
  expect(names.filter((name) => /\.map$|(?<!\.d)\.ts$/.test(name))).toEqual([])
  const commands = ['commands.js', 'demo.js', 'ensure-demo.js', 'seed.js', 'serve.js']
  expect(names.filter((name) => name.startsWith('package/dist/cli/')).sort()).toEqual(commands.map((name) => `package/dist/cli/${name}`))
})

test('IN-01 it installs without a warning of Node, without development dependencies, and nothing of it is for others to write', () => {
  expect(installed.printed).not.toMatch(/EBADENGINE|deprecated|ERESOLVE/)
  const modules = join(installed.app, 'node_modules')
  const names = readdirSync(modules)
  for (const name of ['typescript', 'vite', 'vitest', 'prisma', 'react', 'sigstore', '@sigstore']) expect(names).not.toContain(name)
  expect(filesOf(join(modules, 'aura-keys')).filter((path) => (statSync(path).mode & 0o022) !== 0)).toEqual([])
})

test('IN-02 a user who owns nothing but the data bootstraps, serves, creates a key and verifies it', async () => {
  const as = { cwd: data, env: home.env }
  const { program } = installed
  await runAsNobody([program, 'bootstrap', '--org', 'Packed', '--owner', 'ada'], as)
  const server = await serveAsNobody([program, 'serve'], as)
  const token = (await runAsNobody([program, 'token', '--org', 'packed', '--as', 'ada'], as)).trim()
  expect(await createAndVerify(home.url, token)).toBe('VALID')
  expect((await fetch(`${home.url}/portal/`)).status).toBe(200)
  expect(await server.stop()).toBe(0)
  if (!onPostgres) expect(statSync(data).mode & 0o777).toBe(0o700)
})
