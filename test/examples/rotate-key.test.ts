import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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
