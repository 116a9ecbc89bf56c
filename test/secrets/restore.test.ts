import { execFile } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { openPGlite, openPostgres } from '../../src/store/client.ts'
import { CreateApiKeyDocument, RevealSecretDocument } from '../generated/operations.ts'
import { dump } from '../secrecy/search.ts'
import { as, createCompany } from '../support/company.ts'
import { freePort, withDatabase } from '../support/postgres.ts'
import { authSecret, dataOf, startServer, type TestServer } from '../support/server.ts'

const onPostgres = process.env['TEST_STORE'] === 'postgresql'
const secret = (byte: number): string => Buffer.alloc(32, byte).toString('base64')
const backup = mkdtempSync(join(tmpdir(), 'aura-keys-backup-'))

let server: TestServer
/** The database that was stopped, where it is. */
let database: Record<string, string>
let folder: string
let made: { id: string; plaintext: string; instanceId: string }

beforeAll(async () => {
  server = await startServer()
  const company = await createCompany(server)
  const create = async (input: object) =>
    dataOf(await server.graphql(CreateApiKeyDocument, { input: { instanceId: company.I1, name: 'ci', expiresInDays: 3, ...input } }, as('devA'))).createApiKey
  const [saved, shown] = [await create({ saveAsSecret: { name: 'kept' } }), await create({})]
  made = { id: saved?.secret?.id ?? '', plaintext: shown?.plaintext ?? '', instanceId: company.I1 }
  const { DATA_DIR, DATABASE_URL } = server.app.config
  folder = DATA_DIR
  database = DATABASE_URL === undefined ? { DATA_DIR } : { DATA_DIR, DATABASE_URL }
  // A second close has nothing left to do but to remove the database.
  await server.app.close()
})
afterAll(async () => {
  await server.close()
  rmSync(backup, { recursive: true, force: true })
})

/** Every row of a database that nobody serves. */
async function rows(): Promise<string> {
  const opened = onPostgres ? openPostgres(database['DATABASE_URL'] ?? '') : await openPGlite(join(folder, 'pg'))
  const text = await dump({ sql: (sql) => opened.client.$queryRawUnsafe(sql) as never })
  await opened.close()
  return text
}

/** A real process that is told to serve, until it ends by itself. */
async function serve(environment: Record<string, string>): Promise<{ code: number; signal: string | null; stdout: string; stderr: string }> {
  const env = { PATH: process.env['PATH'] ?? '', HOST: '127.0.0.1', PORT: String(await freePort()), AUTH_SECRET: authSecret, ...environment }
  return new Promise((resolve) => {
    execFile(process.execPath, ['dist/main.js', 'serve'], { env, timeout: 40_000, killSignal: 'SIGKILL' }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), signal: error?.signal ?? null, stdout, stderr }),
    )
  })
}

const given: Record<string, string> = onPostgres ? { KEY_PEPPER: secret(7), SECRETS_KEK: secret(8) } : {}

test('SR-07 a key-encryption key that is another, too short, or missing ends the start before it listens, says why, and writes nothing', async () => {
  const before = await rows()
  expect(before).toContain('secret (')
  const files = () =>
    readdirSync(folder, { recursive: true })
      .map(String)
      .filter((name) => !name.startsWith('pg/'))
  const there = files()
  const { SECRETS_KEK: _, ...without } = given
  const away = join(backup, 'secrets-kek.away')
  const cases: [string, Record<string, string>, number, RegExp][] = [
    ['another', { ...given, SECRETS_KEK: secret(9) }, 1, /SECRETS_KEK is not the one/],
    ['too short', { ...given, SECRETS_KEK: Buffer.alloc(16, 8).toString('base64') }, 2, /SECRETS_KEK must be 32 bytes/],
    ['too long', { ...given, SECRETS_KEK: Buffer.alloc(33, 8).toString('base64') }, 2, /SECRETS_KEK must be 32 bytes/],
    ['the first of two too short', { ...given, SECRETS_KEK: `c2hvcnQ=,${secret(8)}` }, 2, /SECRETS_KEK must be 32 bytes/],
    ['missing', without, onPostgres ? 2 : 1, onPostgres ? /SECRETS_KEK must be set/ : /secrets-kek is missing/],
  ]
  for (const [name, environment, code, reason] of cases) {
    if (name === 'missing' && !onPostgres) cpSync(join(folder, 'secrets-kek'), away)
    if (name === 'missing' && !onPostgres) rmSync(join(folder, 'secrets-kek'))
    const ended = await serve({ ...database, ...environment })
    expect([name, ended.code, ended.signal, ended.stdout], ended.stderr).toEqual([name, code, null, ''])
    expect(ended.stderr).toMatch(reason)
    for (const value of Object.values(environment)) expect(ended.stderr).not.toContain(value)
    if (name === 'missing' && !onPostgres) expect(existsSync(join(folder, 'secrets-kek'))).toBe(false)
    if (name === 'missing' && !onPostgres) cpSync(away, join(folder, 'secrets-kek'))
  }
  expect(files()).toEqual(there)
  expect(await rows()).toBe(before)
})

test('SR-09 a secret file that others can read refuses the start; on PostgreSQL no secret is kept in a file', async () => {
  const files = readdirSync(folder)
  if (onPostgres) {
    expect(files).toEqual([])
    return
  }
  for (const [name, mode] of [
    ['secrets-kek', 0o644],
    ['key-pepper', 0o640],
  ] as const) {
    const file = join(folder, name)
    chmodSync(file, mode)
    const ended = await serve(database)
    chmodSync(file, 0o600)
    expect([ended.code, ended.stdout, ended.stderr.trim()]).toEqual([1, '', `${file} can be read by other users. Take that away with: chmod 600 ${file}`])
  }
})

/** Copies the database alone, as a backup does, and answers where the copy is. */
async function copy(name: string): Promise<Record<string, string>> {
  const data = join(backup, name)
  mkdirSync(data, { mode: 0o700 })
  if (!onPostgres) {
    cpSync(join(folder, 'pg'), join(data, 'pg'), { recursive: true })
    return { DATA_DIR: data }
  }
  const url = database['DATABASE_URL'] ?? ''
  const target = `${new URL(url).pathname.slice(1)}_${name}`
  const admin = new Client({ connectionString: inject('postgresUrl') })
  await admin.connect()
  await admin.query(`CREATE DATABASE ${target} TEMPLATE ${new URL(url).pathname.slice(1)}`)
  await admin.end()
  return { DATA_DIR: data, DATABASE_URL: withDatabase(url, target) }
}

async function drop({ DATABASE_URL }: Record<string, string>): Promise<void> {
  if (DATABASE_URL === undefined) return
  const admin = new Client({ connectionString: inject('postgresUrl') })
  await admin.connect()
  await admin.query(`DROP DATABASE ${new URL(DATABASE_URL).pathname.slice(1)} WITH (FORCE)`)
  await admin.end()
}

test('SR-15 a database and its secrets, backed up apart and restored together, decrypt and verify', async () => {
  const restored = await copy('both')
  if (!onPostgres) for (const name of ['secrets-kek', 'key-pepper']) cpSync(join(folder, name), join(restored['DATA_DIR'] ?? '', name))
  const again = await startServer({ ...restored, ...given })
  const value = dataOf(await again.graphql(RevealSecretDocument, { input: { id: made.id } }, as('devA'))).revealSecret?.value ?? ''
  expect(await again.verify(value, made.instanceId)).toMatchObject({ valid: true })
  expect(await again.verify(made.plaintext, made.instanceId)).toMatchObject({ valid: true })
  await again.close()
  await drop(restored)
})

test('SR-15 a database restored without its secrets refuses to start, and makes no new ones', async () => {
  const restored = await copy('alone')
  const bare = await serve(restored)
  expect([bare.code, bare.stdout]).toEqual([onPostgres ? 2 : 1, ''])
  expect(bare.stderr).toMatch(onPostgres ? /SECRETS_KEK must be set/ : /(secrets-kek|key-pepper) is missing/)
  expect(readdirSync(restored['DATA_DIR'] ?? '')).toEqual(onPostgres ? [] : ['pg'])
  const fresh = await serve({ ...restored, KEY_PEPPER: secret(7), ...given, SECRETS_KEK: secret(5) })
  expect([fresh.code, fresh.stdout]).toEqual([1, ''])
  expect(fresh.stderr).toMatch(/(SECRETS_KEK|KEY_PEPPER) is not the one/)
  await drop(restored)
})
