import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { addMember } from '../../src/members/add-member.ts'
import { type Company, createCompany } from '../support/company.ts'
import { audience, type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { startServer, type TestServer } from '../support/server.ts'

let provider: IdentityProvider
let server: TestServer
let company: Company
const folder = mkdtempSync(join(tmpdir(), 'aura-keys-examples-'))

beforeAll(async () => {
  provider = await startIdentityProvider()
  server = await startServer({ AUTH_JWKS_URL: provider.jwksUrl, AUTH_ISSUER: provider.issuer, AUTH_AUDIENCE: audience })
  company = await createCompany(server)
  const { memberId } = await addMember(server.app.ports, company.members.ownA, { subject: 'ci', name: 'CI', role: 'MEMBER' })
  await setInstanceAccess(server.app.ports, company.members.ownA, { instanceId: company.I1, memberId, role: 'USER' })
  await provider.clientCredentials('a')
  // Node 20 runs no TypeScript: what newer ones do by themselves is done here.
  const strip = (name: string): void => {
    const { outputText } = ts.transpileModule(readFileSync(`examples/typescript/${name}.ts`, 'utf8'), {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
    })
    writeFileSync(join(folder, `${name}.mjs`), outputText.replaceAll("'./operations.ts'", "'./operations.mjs'"))
  }
  for (const name of ['rotate-key', 'operations']) strip(name)
  cpSync('examples/ci/rotate-key.sh', join(folder, 'rotate-key.sh'))
})
afterAll(async () => {
  await server.close()
  await provider.close()
  rmSync(folder, { recursive: true, force: true })
})

const commands = { 'examples/ci': ['bash', 'rotate-key.sh'], 'examples/typescript': [process.execPath, 'rotate-key.mjs'] } as const

for (const [example, [command, script]] of Object.entries(commands)) {
  describe(example, () => {
    const keyName = script.replace(/\W/g, '-')
    const run = async (more: Record<string, string> = {}): Promise<{ code: number; stdout: string; stderr: string }> => {
      const settings = {
        AURA_KEYS_URL: server.url,
        TOKEN_URL: `${provider.issuer}/token`,
        CLIENT_ID: 'ci',
        CLIENT_SECRET: 'secret of ci',
        SCOPE: 'keys',
        AUDIENCE: audience,
      }
      const env = { PATH: process.env['PATH'], ...settings, APP: 'functions', INSTANCE: 'I1', KEY_NAME: keyName, RUN_ID: '1', ...more }
      return promisify(execFile)(command, [join(folder, script)], { env, timeout: 50_000 }).then(
        (result) => ({ code: 0, ...result }),
        (error) => error as { code: number; stdout: string; stderr: string },
      )
    }
    const statuses = async () =>
      (await server.sql<{ status: string }>('SELECT status::text FROM api_key WHERE name = $1 ORDER BY created_at, id', keyName)).map(({ status }) => status)

    test('it makes a key, saves it as a secret, and revokes the one before; the same run again makes nothing', async () => {
      const first = await run()
      expect([first.code, first.stderr]).toEqual([0, ''])
      expect(JSON.parse(first.stdout)).toEqual({
        key: expect.stringMatching(/^key_/),
        hint: expect.any(String),
        secret: `${keyName}_1`.replace(/\W/g, '_'),
        revoked: 0,
      })
      server.time.now = new Date(server.time.now.getTime() + 1_000)
      expect((await run()).stdout).toBe(first.stdout)
      expect(await statuses()).toEqual(['ACTIVE'])
      const second = await run({ RUN_ID: '2' })
      expect(JSON.parse(second.stdout)).toMatchObject({ revoked: 1 })
      expect(await statuses()).toEqual(['REVOKED', 'ACTIVE'])
      expect(first.stdout + second.stdout).not.toMatch(/aura_\w{40}/)
    })

    test('any error ends it with another code than 0, and says what is wrong', async () => {
      for (const [more, words] of [
        [{ INSTANCE: 'I2' }, 'no instance I2'],
        [{ CLIENT_SECRET: 'wrong' }, 'identity provider'],
        [{ RUN_ID: '' }, 'set RUN_ID'],
        [{ KEY_NAME: 'x'.repeat(70) }, 'at most 64'],
      ] as const) {
        const { code, stderr, stdout } = await run(more)
        expect([code !== 0, stdout]).toEqual([true, ''])
        expect(stderr).toContain(words)
      }
    })
  })
}

interface Workflow {
  on: Record<string, unknown>
  jobs: Record<string, { steps: { uses?: string; run?: string; env?: Record<string, string> }[] }>
}

test('the workflow runs a script that is there, with every variable that it reads and no other', () => {
  const workflow = parse(readFileSync('examples/ci/rotate-key.yml', 'utf8')) as Workflow
  expect(Object.keys(workflow.on).sort()).toEqual(['schedule', 'workflow_dispatch'])
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps)
  const runs = steps.filter(({ run }) => run !== undefined)
  expect(runs).toHaveLength(1)
  // Without the files of the repository there is no script to run.
  expect(steps.findIndex(({ uses }) => uses?.startsWith('actions/checkout@'))).toBe(0)
  const { run = '', env = {} } = runs[0] ?? {}
  const path = /^bash (\S+)$/.exec(run)?.[1] ?? ''
  expect([path, existsSync(path)]).toEqual([path, true])
  const script = readFileSync(path, 'utf8')
  const code = script.replace(/^\s*#.*$/gm, '')
  const assigned = new Set([...code.matchAll(/^\s*([A-Z][A-Z_]*)=/gm)].map(([, name]) => name))
  const read = new Set([...code.matchAll(/\$\{?([A-Z][A-Z_]*)/g)].flatMap(([, name]) => (name !== undefined && !assigned.has(name) ? [name] : [])))
  const optional = new Set([...code.matchAll(/\$\{([A-Z][A-Z_]*):\+/g)].flatMap(([, name]) => name ?? []))
  const required = [...read].filter((name) => !optional.has(name))
  expect(required.length).toBeGreaterThan(7)
  expect([...optional].sort()).toEqual(['AUDIENCE', 'SCOPE'])
  // The script itself refuses to start without each of them.
  expect((/^for name in (.+); do$/m.exec(code)?.[1] ?? '').split(' ').sort()).toEqual([...required].sort())
  for (const name of required) expect([name, env[name]]).toEqual([name, expect.stringMatching(/\S/)])
  for (const name of Object.keys(env)) expect([name, read.has(name)]).toEqual([name, true])
  expect(env['CLIENT_SECRET']).toMatch(/^\$\{\{ secrets\.\w+ \}\}$/)
  // Started again, a run keeps its id, and so makes no second key.
  expect(env['RUN_ID']).toBe('$'.concat('{{ github.run_id }}'))
  // What the script's head documents is what it reads.
  const documented = new Set([...script.matchAll(/^# {2,3}([A-Z_]+(?:, [A-Z_]+)*) /gm)].flatMap(([, names]) => names?.split(', ') ?? []))
  expect([...documented].sort()).toEqual([...read].sort())
})
