import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const clone = mkdtempSync(join(tmpdir(), 'aura-keys-clone-'))
const main = join(clone, 'dist', 'main.js')

/** Runs npm in the clone, where nothing but the environment's own settings say what is left out. */
function npm(args: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd: clone,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    encoding: 'utf8',
  })
  return { status, printed: `${stdout}${stderr}` }
}

beforeAll(() => {
  for (const path of execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' }).trim().split('\n')) {
    if (existsSync(path)) cpSync(path, join(clone, path))
  }
})
afterAll(() => rmSync(clone, { recursive: true, force: true }))

const install = ['ci', '--prefer-offline', '--no-audit', '--no-fund']

test('IN-03 npm ci --omit=dev in a clone without a dist ends well, and npm start says how to build', () => {
  const installed = npm([...install, '--omit=dev'])
  expect([installed.status, installed.printed]).toEqual([0, expect.stringContaining('npm ci --include=dev')])
  expect(existsSync(join(clone, 'node_modules', 'vite'))).toBe(false)
  expect(npm(['start', '--silent', '--', '--demo'])).toEqual({ status: 1, printed: 'aura-keys is not built. Build it with: npm ci --include=dev\n' })
}, 180_000)

test('IN-03 NODE_ENV=production npm ci keeps a dist that is there as it is, and npm start runs it', () => {
  mkdirSync(join(clone, 'dist'))
  const program = 'console.log(process.argv.slice(2).join())'
  writeFileSync(main, program)
  const installed = npm(install, { NODE_ENV: 'production' })
  expect([installed.status, installed.printed]).toEqual([0, expect.not.stringContaining('--include=dev')])
  expect(existsSync(join(clone, 'node_modules', 'vite'))).toBe(false)
  expect([readdirSync(join(clone, 'dist')), readFileSync(main, 'utf8')]).toEqual([['main.js'], program])
  expect(npm(['start', '--silent', '--', '--demo'], { NODE_ENV: 'production' })).toEqual({ status: 0, printed: 'serve,--demo\n' })
}, 180_000)

test('IN-03 with development dependencies the client is generated and everything built, unless npx links the clone', () => {
  rmSync(join(clone, 'node_modules'), { recursive: true, force: true })
  symlinkSync(join(process.cwd(), 'node_modules'), join(clone, 'node_modules'))
  const steps = { 'generate:client': 'echo generates', build: 'echo builds' }
  const manifest = JSON.parse(readFileSync(join(clone, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  writeFileSync(join(clone, 'package.json'), JSON.stringify({ ...manifest, scripts: { ...manifest.scripts, ...steps } }))
  expect(npm(['run', '--silent', 'prepare'])).toEqual({ status: 0, printed: 'generates\nbuilds\n' })
  expect(spawnSync('sh', ['scripts/prepare'], { cwd: clone, env: { ...process.env, npm_command: 'exec' }, encoding: 'utf8' }).stdout).toBe('')
})

test('IN-03 what was built is a command that can run, also where npx linked an earlier clone in the same place and does so no more', () => {
  expect(statSync('dist/main.js').mode & 0o111).toBe(0o111)
})
