import { randomBytes } from 'node:crypto'
import { format, inspect } from 'node:util'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { formatKey, keyHint, keyPattern, parseKey, redactKeys } from '../../src/crypto/key-format.ts'
import { newId } from '../../src/ids.ts'

test('KS-09 a hundred thousand keys are unique, match the published pattern, and carry their checksum', () => {
  const id = newId('key')
  const seen = new Set<string>()
  for (let made = 0; made < 100_000; made++) {
    const text = formatKey(id, randomBytes(32)).expose()
    if (!keyPattern.test(text) || parseKey(text)?.keyId !== id) throw new Error('a key that its own parser refuses')
    seen.add(text)
  }
  expect(seen.size).toBe(100_000)
})

test('KS-09 256 bits are in the secret: the smallest and the largest stay apart and fit 43 digits', () => {
  const id = newId('key')
  const [least, most] = [formatKey(id, new Uint8Array(32)).expose(), formatKey(id, new Uint8Array(32).fill(255)).expose()]
  expect(keyPattern.exec(least)?.[2]).toBe('0'.repeat(43))
  expect(keyPattern.exec(most)?.[2]).not.toMatch(/^0/)
  // What the hint shows is of the id and of the checksum, never of the secret.
  expect(keyHint(formatKey(id, new Uint8Array(32)))).toBe(`${least.slice(0, 9)}…${least.slice(-4)}`)
})

test('KS-16 a plaintext prints as redacted, however it is printed, and texts lose the keys that stand in them', () => {
  const plaintext = formatKey(newId('key'), randomBytes(32))
  const lines: string[] = []
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
  log.info({ plaintext, inside: { list: [plaintext] } }, `${plaintext}`)
  const secret = plaintext.expose().slice(32)
  for (const printed of [
    `${plaintext}`,
    JSON.stringify({ plaintext }),
    inspect({ plaintext }, { depth: 9, showHidden: true }),
    format('%s %o %j', plaintext, plaintext, plaintext),
    JSON.stringify(Object.entries(plaintext)),
    lines.join(),
    redactKeys(`an error about "${plaintext.expose()}" here`),
    redactKeys(`cut off: ${plaintext.expose().slice(0, 50)}`),
  ]) {
    expect(printed).not.toContain(secret.slice(0, 12))
  }
  expect(lines.join()).toContain('[redacted]')
})
