import { randomBytes } from 'node:crypto'
import { format, inspect } from 'node:util'
import { serialize } from 'node:v8'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { formatKey, keyHint, keyPattern, parseKey, redactKeys } from '../../src/crypto/key-format.ts'
import { newId } from '../../src/ids.ts'

test('KS-09 a million keys are unique, match the published pattern, and carry their checksum', { timeout: 600_000 }, () => {
  const id = newId('key')
  const seen = new Set<string>()
  for (let made = 0; made < 1_000_000; made++) {
    const text = formatKey(id, randomBytes(32)).expose()
    if (!keyPattern.test(text) || parseKey(text)?.keyId !== id) throw new Error('a key that its own parser refuses')
    // All have one id here: what must be unique is the secret alone.
    seen.add(text.slice(32, 75))
  }
  expect(seen.size).toBe(1_000_000)
})

test('KS-09 the format is the published one: base62 of the 256 bits, then of the CRC-32 of everything before', () => {
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  const number = (text: string): bigint => [...text].reduce((sum, digit) => sum * 62n + BigInt(digits.indexOf(digit)), 0n)
  // Bit by bit, so that nothing of the code under test is believed.
  const crc = (text: string): bigint => {
    let rest = 0xffffffff
    for (const byte of Buffer.from(text)) {
      rest ^= byte
      for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1
    }
    return BigInt((rest ^ 0xffffffff) >>> 0)
  }
  expect(crc('123456789')).toBe(0xcbf43926n)
  for (let made = 0; made < 100; made++) {
    const secret = randomBytes(32)
    const [, , body = '', checksum = ''] = keyPattern.exec(formatKey(newId('key'), secret).expose()) ?? []
    expect(number(body)).toBe(BigInt(`0x${secret.toString('hex')}`))
    const text = formatKey(newId('key'), secret).expose()
    expect(number(text.slice(-6))).toBe(crc(text.slice(0, -6)))
    expect(checksum).toHaveLength(6)
  }
})

test('KS-09 256 bits are in the secret: the smallest and the largest stay apart and fit 43 digits', () => {
  const id = newId('key')
  const [least, most] = [formatKey(id, new Uint8Array(32)).expose(), formatKey(id, new Uint8Array(32).fill(255)).expose()]
  expect(keyPattern.exec(least)?.[2]).toBe('0'.repeat(43))
  expect(keyPattern.exec(most)?.[2]).not.toMatch(/^0/)
  // What the hint shows is of the id and of the checksum, never of the secret.
  expect(keyHint(formatKey(id, new Uint8Array(32)))).toBe(`${least.slice(0, 9)}…${least.slice(-4)}`)
})

test('KS-16 a plaintext prints as redacted, however it is printed and wherever it lies, and texts lose the keys that stand in them', () => {
  const plaintext = formatKey(newId('key'), randomBytes(32))
  const lines: string[] = []
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
  class Holder {
    readonly held = plaintext
  }
  const nested = {
    list: [[plaintext]],
    map: new Map([['key', plaintext]]),
    set: new Set([plaintext]),
    holder: new Holder(),
    error: new Error('failed', { cause: plaintext }),
    bare: Object.assign(Object.create(null), { plaintext }),
  }
  log.info({ plaintext, nested, err: nested.error }, `${plaintext}`)
  log.info(plaintext as never)
  log.info([plaintext] as never)
  const secret = plaintext.expose().slice(32)
  for (const printed of [
    `${plaintext}`,
    JSON.stringify({ plaintext }),
    JSON.stringify(nested),
    inspect({ plaintext }, { depth: 9, showHidden: true }),
    inspect(nested, { depth: 9, showHidden: true, getters: true }),
    inspect(plaintext, { customInspect: false, showHidden: true }),
    format('%s %o %O %j', plaintext, nested, nested, nested),
    JSON.stringify(Object.entries(plaintext)),
    JSON.stringify({ ...plaintext }),
    JSON.stringify(Object.getOwnPropertyDescriptors(plaintext)),
    serialize({ ...nested, holder: null }).toString('latin1'),
    lines.join(),
    redactKeys(`an error about "${plaintext.expose()}" here`),
    redactKeys(`cut off: ${plaintext.expose().slice(0, 50)}`),
  ]) {
    expect(printed).not.toContain(secret.slice(0, 12))
  }
  expect(lines).toHaveLength(3)
  expect(lines.join()).toContain('[redacted]')
})
