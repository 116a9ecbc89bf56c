import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { secretSettings } from '../../src/settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'aura-keys-settings-'))
const fileWith = (text: string): string => {
  const path = join(folder, String(Math.random()))
  writeFileSync(path, text)
  return path
}

test('what env files leave around a value is refused, by the name of the setting and without the value', () => {
  const settings = { NODE_ENV: 'production', DATA_DIR: '/data', LOG_LEVEL: 'warn', AUTH_SECRET: 'x'.repeat(32) }
  for (const [name, value] of Object.entries(settings)) {
    for (const around of [
      `${value}\r`,
      `${value}\n`,
      ` ${value}`,
      `${value}\t`,
      `"${value}"`,
      `'${value}'`,
      `\uFEFF${value}`,
      `${value}\u0000`,
      `${value}\u00a0`,
    ]) {
      const load = (): unknown => loadConfig({ ALLOW_EMBEDDED: '1', [name]: around })
      expect(load, JSON.stringify(around)).toThrow(new RegExp(`- ${name} has .*remove it`))
      if (name === 'AUTH_SECRET') expect(load).not.toThrow(value)
    }
    expect(() => loadConfig({ ALLOW_EMBEDDED: '1', [name]: value })).not.toThrow()
  }
  // Quotes inside are part of a value.
  expect(loadConfig({ DATA_DIR: `it's` }).DATA_DIR).toBe(`it's`)
})

test('NODE_ENV is one of three', () => {
  for (const name of ['prod', 'Production', 'staging']) expect(() => loadConfig({ NODE_ENV: name })).toThrow('NODE_ENV must be one of')
})

test('a name that is close to one of ours is warned of, and others are not', () => {
  const warnings = (...names: string[]): readonly string[] => loadConfig(Object.fromEntries(names.map((name) => [name, 'x']))).warnings
  expect(warnings('DATABSE_URL')).toEqual(['"DATABSE_URL" is no setting and has no effect; DATABASE_URL is one'])
  for (const [name, setting] of [
    ['DATABASE_URI', 'DATABASE_URL'],
    ['database_url', 'DATABASE_URL'],
    ['\uFEFFDATA_DIR', 'DATA_DIR'],
    ['AUTH_SECRETS', 'AUTH_SECRET'],
    ['KEY_PEPER', 'KEY_PEPPER'],
    ['AUTH_SECRET_FIL', 'AUTH_SECRET_FILE'],
    ['ALLOWED_ORIGIN', 'ALLOWED_ORIGINS'],
  ] as const) {
    expect(warnings(name)).toEqual([expect.stringContaining(`; ${setting} is one`)])
  }
  expect(warnings('HOME', 'PATH', 'USER', 'LANG', 'TERM', 'NODE_OPTIONS', 'HOSTNAME', 'PGHOST', 'POSTGRES_URL', 'npm_config_registry_url')).toEqual([])
})

test('each secret may come from a file, and from one place only', () => {
  const secrets = {
    ...Object.fromEntries(secretSettings.map((name) => [name, 'y'.repeat(32)])),
    KEY_PEPPER: Buffer.alloc(32, 1).toString('base64'),
    SECRETS_KEK: Buffer.alloc(32, 2).toString('base64'),
    DATABASE_URL: 'postgresql://h/d',
    DATABASE_LISTEN_URL: 'off',
  }
  const { AUTH_CLIENT_SECRET: _, ...own } = secrets as Record<(typeof secretSettings)[number], string>
  const files = Object.fromEntries(Object.entries(own).map(([name, value]) => [`${name}_FILE`, fileWith(`${value}\n`)]))
  const { warnings, ...read } = loadConfig(files)
  expect({ ...read, warnings }).toEqual(loadConfig(own))
  for (const name of secretSettings) {
    expect(() => loadConfig({ [name]: 'x', [`${name}_FILE`]: fileWith('y') })).toThrow(`${name} and ${name}_FILE are both set`)
    expect(() => loadConfig({ [`${name}_FILE`]: join(folder, 'none') })).toThrow(`${name}_FILE names a file that cannot be read (ENOENT)`)
    expect(() => loadConfig({ [`${name}_FILE`]: folder })).toThrow(`${name}_FILE names a file that cannot be read (EISDIR)`)
    expect(() => loadConfig({ [`${name}_FILE`]: fileWith('\n') })).toThrow(`${name}_FILE names an empty file`)
  }
})

test('production needs a database, or the word that the embedded one is meant', () => {
  expect(() => loadConfig({ NODE_ENV: 'production' })).toThrow(/DATABASE_URL must be set[\s\S]*ALLOW_EMBEDDED=1/)
  expect(() => loadConfig({ NODE_ENV: 'production', DATABSE_URL: 'postgresql://h/d' })).toThrow(/DATABASE_URL must be set/)
  expect(loadConfig({ NODE_ENV: 'production', ALLOW_EMBEDDED: '1' }).production).toBe(true)
  expect(() => loadConfig({ ALLOW_EMBEDDED: 'yes' })).toThrow('ALLOW_EMBEDDED must be 0 or 1')
})
