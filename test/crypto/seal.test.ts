import { describe, expect, test } from 'vitest'
import { createSeals, type Places } from '../../src/crypto/seal.ts'
import { placesOf } from '../../src/secrets/model.ts'

const kek = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const value = 'aura_a secret value'
const row = { organizationId: 'org_a', id: 'sec_a', version: 1, createdById: 'mem_a' }
const places = placesOf(row)
const place = places[1]
const none = new Uint8Array()

/** Seals of a node that has such neighbours that this format is written. */
function sealsOf(format: 1 | 2, ...bytes: number[]) {
  const seals = createSeals(bytes.map(kek))
  if (format === 1) seals.agree(new Set(seals.kekIds))
  return seals
}

/** The same place in both formats. */
const both = (parts: (string | number)[]): Places => ({ 1: parts, 2: parts })

/** What the version before format 2 made, under the key of ones. */
const byFormerVersion = {
  sealed:
    '0101b7672c9df80cfeeca0e595ba3f01f6a32d96d0e1d0b218fb3a0fea22c52a8ff694a52bdb06b5b2d9d9bed008989cb3619e25c75c48b0623c96c3b8e4ed6ba8edfe8c5e318c3e90cf0ee41e512f29ff7623b911d0f0f6c5113a7dff2567d8c12b3b9c3f811610299f540856685eca0d8375840b',
  token: 'AQG3Zyyd-Az-7BKdxVtn-Uq2gEqmfqk7vE3i9-B92xVJNZ6ZMKo3RrXY0WnhotMC3zqeXW3th-Le',
}

describe.each([1, 2] as const)('format %i', (format) => {
  const seals = sealsOf(format, 1)

  test('SR-01 the same value sealed twice is two different texts, and neither shows it', () => {
    const [first, second] = [seals.seal(places, value).sealed, seals.seal(places, value).sealed]
    expect(first[0]).toBe(format)
    expect(seals.open(places, first)).toBe(value)
    expect(Buffer.from(first).equals(Buffer.from(second))).toBe(false)
    expect(Buffer.from(first).includes('secret value')).toBe(false)
  })

  test('SR-03 every flipped bit is refused', () => {
    const { sealed } = seals.seal(places, value)
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const altered = new Uint8Array(sealed)
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      if (seals.open(places, altered) !== null) throw new Error(`bit ${bit} of ${sealed.length * 8} was not noticed`)
      if (seals.rewrap(places, altered) !== null && bit >> 3 < 10 + 60) throw new Error(`bit ${bit} was rewrapped`)
      if (format === 1 && sealsOf(2, 1).rewrap(places, altered) !== null) throw new Error(`bit ${bit} was sealed anew`)
    }
  })

  test('SR-04 truncated tags and cut or lengthened values are refused', () => {
    const { sealed } = seals.seal(places, value)
    for (let length = 0; length < sealed.length; length++) expect(seals.open(places, sealed.subarray(0, length))).toBeNull()
    expect(seals.open(places, Buffer.concat([sealed, Buffer.from([0])]))).toBeNull()
  })

  test('a value moved to another place, or halves of two values put together, are refused', () => {
    const { sealed } = seals.seal(both(['org_a', 'sec_a', 1]), value)
    for (const other of [
      ['org_b', 'sec_a', 1],
      ['org_a', 'sec_b', 1],
      ['org_a', 'sec_a', 2],
      ['org_a,sec_a', 1],
      ['org_a', 'sec_a', '1'],
    ]) {
      expect(seals.open(both(other), sealed)).toBeNull()
    }
    const [first, second] = [seals.seal(places, value).sealed, seals.seal(places, 'another').sealed]
    expect(seals.open(places, Buffer.concat([first.subarray(0, 70), second.subarray(70)]))).toBeNull()
  })

  test('SR-13 unknown formats, algorithms and keys are refused', () => {
    const { sealed } = seals.seal(places, value)
    for (const [at, byte] of [
      [0, 0],
      [0, 3 - format],
      [0, 3],
      [0, 255],
      [1, 0],
      [1, 2],
      [2, (sealed[2] ?? 0) ^ 255],
    ] as const) {
      const altered = new Uint8Array(sealed)
      altered[at] = byte
      expect(seals.open(places, altered)).toBeNull()
    }
    expect(createSeals([kek(2)]).open(places, sealed)).toBeNull()
  })

  test('a value is rewrapped under the new key, and the old key alone no longer opens it', () => {
    const { sealed, kekId } = seals.seal(places, value)
    const both = sealsOf(format, 2, 1)
    const after = both.rewrap(places, sealed)
    expect(after?.kekId).toBe(both.kekIds[0])
    expect(kekId).toBe(both.kekIds[1])
    expect(createSeals([kek(2)]).open(places, after?.sealed ?? none)).toBe(value)
    expect(seals.open(places, after?.sealed ?? none)).toBeNull()
    // The value itself is as it was.
    expect(after?.sealed.subarray(70)).toEqual(sealed.subarray(70))
  })
})

const moved: [what: string, other: Partial<typeof row>][] = [
  ['organization', { organizationId: 'org_b' }],
  ['secret', { id: 'sec_b' }],
  ['version', { version: 2 }],
  ['creator', { createdById: 'mem_b' }],
]

test('in format 2 a value opens and is rewrapped for its own organization, secret, version and creator alone', () => {
  const seals = sealsOf(2, 1)
  const { sealed } = seals.seal(places, value)
  for (const [what, other] of moved) {
    const elsewhere = placesOf({ ...row, ...other })
    expect([what, seals.open(elsewhere, sealed), seals.rewrap(elsewhere, sealed)]).toEqual([what, null, null])
  }
})

test.each([
  ['under the same key', [1]],
  ['together with a new key', [2, 1]],
])('a value of format 1 is sealed anew in format 2 %s, and is bound to its creator from then on', (_, keys) => {
  const before = sealsOf(1, 1).seal(places, value).sealed
  const seals = sealsOf(2, ...keys)
  const after = seals.rewrap(places, before)
  expect([after?.sealed[0], after?.kekId]).toEqual([2, seals.currentId])
  expect(createSeals([kek(keys[0] ?? 0)]).open(places, after?.sealed ?? none)).toBe(value)
  for (const [what, other] of moved) expect([what, seals.open(placesOf({ ...row, ...other }), after?.sealed ?? none)]).toEqual([what, null])
  // Nothing of the old text is taken over.
  expect(Buffer.from(after?.sealed ?? none).includes(Buffer.from(before.subarray(70, 98)))).toBe(false)
})

test('what the former version sealed opens, for whoever is said to have made it, and is sealed anew', () => {
  const seals = createSeals([kek(1)])
  const sealed = Buffer.from(byFormerVersion.sealed, 'hex')
  expect(seals.open(places, sealed)).toBe(value)
  expect(seals.open(placesOf({ ...row, createdById: 'mem_b' }), sealed)).toBe(value)
  expect(seals.open(placesOf({ ...row, organizationId: 'org_b' }), sealed)).toBeNull()
  expect(seals.open(places, seals.rewrap(places, sealed)?.sealed ?? none)).toBe(value)
  expect(seals.openToken(['org_a', 'mem_a', 'key_a', 1], byFormerVersion.token)).toBe(value)
})

test('format 2 is written once every serving node knows it, and no value ever goes back to format 1', () => {
  const seals = createSeals([kek(2), kek(1)])
  const [newId = '', oldId = ''] = seals.kekIds
  const written = (known: readonly string[]) => {
    seals.agree(new Set(known))
    const { sealed, kekId } = seals.seal(places, value)
    expect(seals.open(places, sealed)).toBe(value)
    return [sealed[0], seals.format, kekId]
  }
  expect(written(seals.knownIds)).toEqual([2, 2, newId])
  const { sealed } = seals.seal(places, value)
  // A node of the former version says no more than its keys.
  expect(written([newId, oldId])).toEqual([1, 1, newId])
  expect(written([oldId])).toEqual([1, 1, oldId])
  expect(seals.rewrap(places, sealed)?.sealed[0]).toBe(2)
  expect(written(seals.knownIds.filter((id) => id !== newId))).toEqual([2, 2, oldId])
})

test('SR-12 a million encryptions, two in each of half a million seals, repeat no nonce', { timeout: 600_000 }, () => {
  const seals = sealsOf(2, 1)
  const seen = new Set<string>()
  for (let made = 0; made < 500_000; made++) {
    const sealed = Buffer.from(seals.seal(places, 'x').sealed)
    seen.add(sealed.toString('latin1', 10, 22)).add(sealed.toString('latin1', 70, 82))
  }
  expect(seen.size).toBe(1_000_000)
})

test.each([1, 2] as const)('a save token opens only for its place, whole and unaltered, and is no sealed value, while format %i is written', (format) => {
  const seals = sealsOf(format, 1)
  const token = seals.sealToken(place, value)
  expect(seals.openToken(place, token)).toBe(value)
  // Whatever format its neighbours write: they open each other's tokens.
  for (const other of [1, 2] as const) expect(sealsOf(other, 1).openToken(place, token)).toBe(value)
  expect(seals.openToken(['org_a', 'mem_b', 1], token)).toBeNull()
  for (let at = 0; at < token.length; at++) {
    const altered = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
    expect(seals.openToken(place, altered)).toBeNull()
  }
  for (const text of ['', 'A', `${token}=`, ` ${token}`, token.slice(0, -4)]) expect(seals.openToken(place, text)).toBeNull()
  expect(seals.open(both([...place]), Buffer.from(token, 'base64url'))).toBeNull()
})
