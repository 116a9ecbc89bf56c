import { expect, test } from 'vitest'
import { createSeals } from '../../src/crypto/seal.ts'

const kek = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const seals = createSeals([kek(1)])
const place = ['org_a', 'sec_a', 1]
const value = 'aura_a secret value'

test('SR-01 the same value sealed twice is two different texts, and neither shows it', () => {
  const [first, second] = [seals.seal(place, value).sealed, seals.seal(place, value).sealed]
  expect(seals.open(place, first)).toBe(value)
  expect(Buffer.from(first).equals(Buffer.from(second))).toBe(false)
  expect(Buffer.from(first).includes('secret value')).toBe(false)
})

test('SR-03 every flipped bit is refused', () => {
  const { sealed } = seals.seal(place, value)
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const altered = new Uint8Array(sealed)
    altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    if (seals.open(place, altered) !== null) throw new Error(`bit ${bit} of ${sealed.length * 8} was not noticed`)
    if (seals.rewrap(place, altered) !== null && bit >> 3 < 10 + 60) throw new Error(`bit ${bit} was rewrapped`)
  }
})

test('SR-04 truncated tags and cut or lengthened values are refused', () => {
  const { sealed } = seals.seal(place, value)
  for (let length = 0; length < sealed.length; length++) expect(seals.open(place, sealed.subarray(0, length))).toBeNull()
  expect(seals.open(place, Buffer.concat([sealed, Buffer.from([0])]))).toBeNull()
})

test('a value moved to another place, or halves of two values put together, are refused', () => {
  const { sealed } = seals.seal(place, value)
  for (const other of [
    ['org_b', 'sec_a', 1],
    ['org_a', 'sec_b', 1],
    ['org_a', 'sec_a', 2],
    ['org_a,sec_a', 1],
    ['org_a', 'sec_a', '1'],
  ]) {
    expect(seals.open(other, sealed)).toBeNull()
  }
  const second = seals.seal(place, 'another').sealed
  expect(seals.open(place, Buffer.concat([sealed.subarray(0, 70), second.subarray(70)]))).toBeNull()
})

test('SR-13 unknown formats, algorithms and keys are refused', () => {
  const { sealed } = seals.seal(place, value)
  for (const [at, byte] of [
    [0, 0],
    [0, 2],
    [1, 0],
    [1, 2],
    [2, (sealed[2] ?? 0) ^ 255],
  ] as const) {
    const altered = new Uint8Array(sealed)
    altered[at] = byte
    expect(seals.open(place, altered)).toBeNull()
  }
  expect(createSeals([kek(2)]).open(place, sealed)).toBeNull()
})

test('SR-12 a million encryptions, two in each of half a million seals, repeat no nonce', { timeout: 180_000 }, () => {
  const seen = new Set<string>()
  for (let made = 0; made < 500_000; made++) {
    const sealed = Buffer.from(seals.seal(place, 'x').sealed)
    seen.add(sealed.toString('latin1', 10, 22)).add(sealed.toString('latin1', 70, 82))
  }
  expect(seen.size).toBe(1_000_000)
})

test('a value is rewrapped under the new key, and the old key alone no longer opens it', () => {
  const { sealed, kekId } = seals.seal(place, value)
  const both = createSeals([kek(2), kek(1)])
  const after = both.rewrap(place, sealed)
  expect(after?.kekId).toBe(both.kekIds[0])
  expect(kekId).toBe(both.kekIds[1])
  expect(createSeals([kek(2)]).open(place, after?.sealed ?? new Uint8Array())).toBe(value)
  expect(seals.open(place, after?.sealed ?? new Uint8Array())).toBeNull()
})

test('a save token opens only for its place, whole and unaltered, and is no sealed value', () => {
  const token = seals.sealToken(place, value)
  expect(seals.openToken(place, token)).toBe(value)
  expect(seals.openToken(['org_a', 'mem_b', 1], token)).toBeNull()
  for (let at = 0; at < token.length; at++) {
    const altered = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
    expect(seals.openToken(place, altered)).toBeNull()
  }
  for (const text of ['', 'A', `${token}=`, ` ${token}`, token.slice(0, -4)]) expect(seals.openToken(place, text)).toBeNull()
  expect(seals.open(place, Buffer.from(token, 'base64url'))).toBeNull()
})
