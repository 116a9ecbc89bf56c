import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ConfigError, loadConfig } from '../../src/config.ts'

test('an empty environment is the embedded form with its defaults', () => {
  expect(loadConfig({ PORT: '' })).toMatchObject({ PORT: 4000, HOST: '127.0.0.1', DATA_DIR: '.data', MAX_KEY_LIFETIME_DAYS: 365, production: false })
})

test('every problem is told at once, each names its setting, and no value is told', () => {
  const secrets = { KEY_PEPPER: 'hunter2-pepper', AUTH_SECRET: 'hunter2-auth', GATEWAY_TOKEN: 'hunter2-gate', DATABASE_URL: 'mysql://u:hunter2@h/d' }
  const wrong = { ...secrets, PORT: '70000', MAX_KEY_LIFETIME_DAYS: '0', ALLOWED_ORIGINS: 'our-portal', LOG_LEVEL: 'loud', WS_MAX_FRAME_BYTES: '1e9' }
  try {
    loadConfig(wrong)
    expect.unreachable()
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    const { message } = error as Error
    for (const name of Object.keys(wrong)) expect(message).toContain(name)
    for (const value of Object.values(wrong).filter((text) => text.length > 3)) expect(message).not.toContain(value)
    expect(message).not.toContain('hunter2')
  }
})

test('DATA_DIR is a folder that can hold files, by whatever path', () => {
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-data-'))
  const link = (name: string, target: string): string => {
    symlinkSync(target, join(folder, name))
    return join(folder, name)
  }
  try {
    const kernel = [
      '/',
      '//',
      '/tmp/..',
      '/proc',
      '/proc/data',
      '/proc/1/x/y',
      '/tmp/../proc/x',
      '//proc//x',
      '/sys',
      '/sys/fs/cgroup/x',
      '/dev',
      '/dev/null',
      '/dev/x',
    ]
    for (const path of [...kernel, '/dev/shm/../x', '/dev/shmem', link('proc', '/proc'), join(link('to-sys', '/sys'), 'deep', 'down')]) {
      expect(() => loadConfig({ DATA_DIR: path }), path).toThrow('DATA_DIR must be a folder for files: not /, and not in /proc, /sys or /dev (but in /dev/shm)')
    }
    const fine = [
      '.data',
      'proc',
      '/process',
      '/devices/x',
      '/var/sys',
      '/dev/shm',
      '/dev/shm/x',
      '/proc/self/cwd/x',
      join(folder, 'a', 'b'),
      join(link('to-folder', folder), 'x'),
    ]
    for (const path of fine) expect(loadConfig({ DATA_DIR: path }).DATA_DIR, path).toBe(path)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('PUBLIC_URL is an origin as browsers write it', () => {
  for (const origin of ['https://keys.example', 'http://localhost:4000', 'http://[::1]:4000'])
    expect(loadConfig({ PUBLIC_URL: origin }).PUBLIC_URL).toBe(origin)
  for (const other of [
    'https://keys.example/',
    'https://keys.example:443',
    'https://Keys.example',
    'https://keys.example/portal',
    'ftp://keys.example',
    'keys.example',
    'null',
    'https://a@keys.example',
  ]) {
    expect(() => loadConfig({ PUBLIC_URL: other }), other).toThrow(/PUBLIC_URL/)
  }
})

test('PostgreSQL needs its secrets from outside, and the message says how to make them', () => {
  expect(() => loadConfig({ DATABASE_URL: 'postgresql://h/d' })).toThrow(/AUTH_SECRET[\s\S]*openssl[\s\S]*KEY_PEPPER[\s\S]*openssl/)
})

test('the URL of a PostgreSQL says what is wrong with it, and repeats nothing of it', () => {
  const secrets = { AUTH_SECRET: 'x'.repeat(32), KEY_PEPPER: Buffer.alloc(32).toString('base64'), SECRETS_KEK: Buffer.alloc(32).toString('base64') }
  const load = (name: string, url: string) => () => loadConfig({ ...secrets, DATABASE_URL: 'postgresql://h/d', [name]: url })
  const hidden = 'has a #, / or ? in its user or password: write %23, %2F or %3F'
  const wrong: readonly [url: string, problem: string][] = [
    ['postgresql://u:hunter#2@h/d', hidden],
    ['postgresql://u:hunter/2@h:5432/d', hidden],
    ['postgresql://u:hunter?2@h/d?sslmode=require', hidden],
    ['postgresql://hun/ter:2@h/d', hidden],
    // These parse: as a port, with the rest of the password elsewhere.
    ['postgresql://u:12#hunter@h/d', hidden],
    ['postgresql://u:12/hunter@h/d', hidden],
    ['postgresql://u:12?hunter@h/d', hidden],
    // A role of Azure's form.
    ['postgresql://u@corp:12/hunter@h/d', hidden],
    ['postgresql://u:100%hunter2@h/d', 'has a % in its user or password: write %25'],
    ['postgresql://u:hunter%E2@h/d', 'has a % in its user or password: write %25'],
    ['postgresql://u:hunter2@h/d?schema=tenant', 'has schema=…, which is not supported'],
    ['postgresql://u:hunter2@h/d?sslmode=require&schema=', 'has schema=…, which is not supported'],
    ['mysql://u:hunter2@h/d', 'must be a URL postgresql://…'],
    ['hunter2', 'must be a URL postgresql://…'],
    ['postgresql://', 'must be a URL postgresql://…'],
    ['postgresql://u:hunter2@h:port/d', 'must be a URL postgresql://…'],
  ]
  for (const name of ['DATABASE_URL', 'DATABASE_LISTEN_URL']) {
    for (const [url, problem] of wrong) {
      expect(load(name, url), url).toThrow(`${name} ${problem}`)
      expect(load(name, url), url).not.toThrow(/hunter|tenant/)
    }
    const fine = [
      'postgres://h',
      'postgresql://u:p%23%2F%3F%25@h:5432/d',
      'postgresql://u:p@ss@h/d',
      'postgresql:///d?host=/run/postgresql&user=a@b',
      'postgresql://h:5432/d?user=a@b&application_name=x',
      'postgresql://u@h/d?schema=public',
      'postgresql://[::1]:5432/d',
    ]
    for (const url of fine) expect(load(name, url)()[name as 'DATABASE_URL'], url).toBe(url)
  }
})

test('a list of peppers has the current one first', () => {
  const [current, old] = [Buffer.alloc(32, 1).toString('base64'), Buffer.alloc(32, 2).toString('base64')]
  expect(loadConfig({ KEY_PEPPER: `${current}, ${old}` }).KEY_PEPPER?.map((bytes) => bytes[0])).toEqual([1, 2])
})

test('an empty gateway token or database is a mistake, not a server that is open or starts anew', () => {
  for (const name of ['GATEWAY_TOKEN', 'DATABASE_URL', 'GATEWAY_TOKEN_FILE', 'DATABASE_URL_FILE']) {
    expect(() => loadConfig({ [name]: '' })).toThrow(ConfigError)
    expect(() => loadConfig({ [name]: '' })).toThrow(`a problem:\n  - ${name} is set but empty: give it a value, or unset it`)
  }
})

test('the default organization is a slug or an id, or no setting at all', () => {
  for (const text of ['a', 'northwind-robotics', '0', 'org_01h455vb4pex5vsknk084sn02q'])
    expect(loadConfig({ AUTH_DEFAULT_ORGANIZATION: text }).AUTH_DEFAULT_ORGANIZATION).toBe(text)
  expect(loadConfig({ AUTH_DEFAULT_ORGANIZATION: '' }).AUTH_DEFAULT_ORGANIZATION).toBeUndefined()
  for (const text of ['A', 'a b', '-a', 'a_b', 'org_', 'org_x', 'mem_01h455vb4pex5vsknk084sn02q', 'Northwind Robotics', 'x'.repeat(65), 'é'])
    expect(() => loadConfig({ AUTH_DEFAULT_ORGANIZATION: text }), text).toThrow(/AUTH_DEFAULT_ORGANIZATION must be the slug/)
})

test("the provider's keys come over https, or from this machine", () => {
  const load = (url: string) => loadConfig({ AUTH_JWKS_URL: url, AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' })
  for (const url of [
    'https://login.example/jwks',
    'http://localhost:9000/jwks',
    'http://127.0.0.1/jwks',
    'http://127.8.8.8:1/jwks',
    'http://[::1]:9000/jwks',
  ]) {
    expect(load(url).provider?.url).toBe(url)
  }
  for (const url of [
    'http://login.example/jwks',
    'http://127.0.0.1.example/jwks',
    'http://localhost.example/',
    'http://10.0.0.1/jwks',
    'ftp://localhost/jwks',
    'jwks',
  ]) {
    expect(() => load(url), url).toThrow(/AUTH_JWKS_URL must be the https:/)
  }
})

test('the audit log is kept for 30 days at least, as the database sees to, and for ever unless something is said', () => {
  expect(loadConfig({}).AUDIT_RETENTION_DAYS).toBeNull()
  for (const [text, days] of [
    ['never', null],
    ['30', 30],
    ['31', 31],
    ['99999', 99_999],
  ] as const) {
    expect(loadConfig({ AUDIT_RETENTION_DAYS: text }).AUDIT_RETENTION_DAYS).toBe(days)
  }
  for (const text of ['0', '1', '9', '10', '29', '030', '-30', '30.5', '3e1', '100000', 'ever']) {
    expect(() => loadConfig({ AUDIT_RETENTION_DAYS: text }), text).toThrow('AUDIT_RETENTION_DAYS must be a whole number of days from 30 to 99999, or never')
  }
})
