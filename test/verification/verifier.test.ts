import { randomBytes } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { formatKey } from '../../src/crypto/key-format.ts'
import { newId } from '../../src/ids.ts'
import type { KeyRecord } from '../../src/keys/model.ts'
import { createKeyCache, maxAgeMs } from '../../src/verification/cache.ts'
import { createOwnMark } from '../../src/verification/marks.ts'
import { denialMs, reuseMs } from '../../src/verification/moment.ts'
import { end, instanceId, VerificationModel } from '../support/verification-model.ts'

let m: VerificationModel
beforeEach(() => {
  m = new VerificationModel()
})

test('a key that was found valid costs no statement while its mark is good, one for the mark afterwards, and two once something was denied', async () => {
  const [one, other] = [m.make(), m.make()]
  expect([await m.asks(one), await m.asks(other), await m.asks(one)]).toEqual(['unknown VALID', 'unknown VALID', 'VALID'])
  m.pass(reuseMs)
  expect([await m.asks(one), await m.asks(other)]).toEqual(['marks VALID', 'VALID'])
  m.pass(reuseMs)
  m.revoke(one)
  expect([await m.asks(other), await m.asks(one), await m.asks(other)]).toEqual(['marks known VALID', 'known REVOKED', 'VALID'])
})

test('rule 4: a mark is used for less than 0.9 L by either clock, and by none that went back', async () => {
  const text = m.make()
  for (const [mono, wall, expected] of [
    [44, 44, 'marks VALID'.slice(6)],
    [45, 45, 'marks VALID'],
    [0, 45, 'marks VALID'],
    [45, 0, 'marks VALID'],
    [1, -1, 'marks VALID'],
    [0, 3_600_000, 'marks VALID'],
    [0, -3_600_000, 'marks VALID'],
  ] as const) {
    await m.codeOf(text, instanceId, true)
    m.clocks = { ...m.clocks, mono: m.clocks.mono + mono, wall: m.clocks.wall + wall }
    // Past 0.45 L a use also starts the next read.
    expect([mono, wall, await m.asks(text)]).toEqual([mono, wall, mono === 44 ? `marks ${expected}` : expected])
  }
  expect(0.9 * reuseMs * 1.1).toBeLessThan(denialMs / 1.1)
})

test('past 0.45 L one use starts the next read, whatever their number, and no timer does', async () => {
  const text = m.make()
  await m.codeOf(text)
  m.pass(0.44 * reuseMs)
  expect(await m.asks(text)).toBe('VALID')
  m.pass(0.02 * reuseMs)
  m.asked = []
  for (let use = 0; use < 10; use++) expect(m.verifier.known(text, instanceId)?.code).toBe('VALID')
  expect(m.asked).toEqual(['marks'])
  await Promise.resolve()
  m.pass(0.4 * reuseMs)
  expect(await m.asks(text)).toBe('VALID')
})

test('a denial that was committed is seen by every use whose mark was read after it', async () => {
  const text = m.make()
  await m.codeOf(text)
  m.revoke(text)
  m.pass(denialMs)
  expect(await m.asks(text)).toBe('marks known REVOKED')
  expect(await m.asks(text)).toBe('unknown REVOKED')
})

test('a fill whose reply comes after a denial does not count, since its mark is the old one', async () => {
  const text = m.make()
  const old = m.mark
  const record = { ...(m.rows.get(m.idOf(text)) as KeyRecord) }
  m.revoke(text)
  m.rows.set(m.idOf(text), record)
  const kept = m.mark
  m.mark = old
  expect(await m.codeOf(text)).toBe('VALID')
  m.mark = kept
  m.change(text, { revokedAt: new Date(m.clocks.database) })
  m.pass(reuseMs)
  expect(await m.asks(text)).toBe('marks known REVOKED')
})

test('VF-10 a key in memory ends with the later of both clocks, and time never goes back for it', async () => {
  for (const clock of ['wall', 'database'] as const) {
    m.start()
    m.clocks = { mono: 1_000, wall: end - 10_000, database: end - 10_000 }
    const text = m.make()
    await m.codeOf(text)
    m.clocks = { ...m.clocks, [clock]: end - 1 }
    expect([clock, await m.codeOf(text, instanceId, true)]).toEqual([clock, 'VALID'])
    m.clocks = { ...m.clocks, [clock]: end, mono: m.clocks.mono + reuseMs }
    expect([clock, await m.codeOf(text)]).toEqual([clock, 'EXPIRED'])
    expect(m.cache.entries).toBe(0)
  }
  // With the mark in hand, by the clock that never goes back.
  m.start()
  m.clocks = { mono: 1_000, wall: end - 10_000, database: end - 20 }
  const text = m.make()
  expect(await m.codeOf(text)).toBe('VALID')
  m.clocks = { ...m.clocks, mono: m.clocks.mono + 19 }
  expect(await m.asks(text)).toBe('VALID')
  m.clocks = { ...m.clocks, mono: m.clocks.mono + 1 }
  expect(await m.asks(text)).toBe('known EXPIRED')
})

test('VF-10 a slow statement ends no key early for who waits for it, and by less than a hand is good for who comes later; never late', async () => {
  const at = (left: number) => ({ mono: m.clocks.mono, wall: end - left, database: end - left })
  m.clocks = at(2_600)
  const text = m.make()
  m.statementMs = 1_000
  expect(await m.asks(text)).toBe('unknown VALID')
  m.pass(reuseMs)
  expect(await m.asks(text)).toBe('marks VALID')
  m.clocks = at(1_001)
  expect(await m.asks(text)).toBe('marks VALID')
  // In hand it counts all of its statement, which took 20 ms.
  for (const [left, code] of [
    [21, 'VALID'],
    [20, 'known EXPIRED'],
  ] as const) {
    m.start()
    m.statementMs = 20
    m.clocks = at(left + 21)
    expect(await m.asks(text)).toBe('unknown VALID')
    m.pass(1)
    m.statementMs = 0
    expect(await m.asks(text)).toBe(code)
  }
  // A node whose own clock is behind knows the end by the hand.
  m.start()
  m.clocks = { ...at(1), wall: end - 10_000 }
  expect(await m.asks(text)).toBe('unknown VALID')
  m.pass(1)
  expect(await m.asks(text)).toBe('known EXPIRED')
})

test('a key in memory that was revoked after its end is REVOKED, although no mark moved', async () => {
  m.clocks = { mono: 1_000, wall: end - 10, database: end - 10 }
  const text = m.make()
  expect(await m.codeOf(text)).toBe('VALID')
  m.clocks = { mono: 1_010, wall: end, database: end }
  const mark = m.mark
  m.change(text, { revokedAt: new Date(end) })
  m.mark = mark
  expect(await m.asks(text)).toBe('known REVOKED')
})

test('no entry is used for longer than ten minutes', async () => {
  const text = m.make()
  await m.codeOf(text)
  m.pass(maxAgeMs - 1)
  expect(await m.asks(text)).toBe('marks VALID')
  m.pass(1)
  expect(await m.asks(text)).toBe('known VALID')
})

test('no-cache asks the database, and what it says is kept', async () => {
  const text = m.make()
  await m.codeOf(text)
  expect([await m.asks(text, instanceId, true), await m.asks(text)]).toEqual(['known VALID', 'VALID'])
})

test('who knows the id of a valid key and not its secret stays out of the known lane, and puts nobody out of it', async () => {
  const text = m.make()
  await m.codeOf(text)
  for (let attempt = 0; attempt < 3; attempt++) {
    expect(await m.asks(formatKey(m.idOf(text), randomBytes(32)).expose())).toBe('unknown NOT_FOUND')
  }
  expect(await m.asks(text, instanceId, true)).toBe('known VALID')
})

test('a key is known from when it was found valid until it no longer is', async () => {
  const denials: Partial<KeyRecord>[] = [
    { revokedAt: new Date(0) },
    { orphanReason: 'CREATOR_REMOVED' },
    { instanceDeletedAt: new Date(0) },
    { creatorRemovedAt: new Date(0) },
    { expiredAt: new Date(0) },
  ]
  for (const denial of denials) {
    const text = m.make()
    expect(await m.asks(text, instanceId, true)).toBe('unknown VALID')
    expect(await m.asks(text, newId('ins'), true)).toBe('known WRONG_INSTANCE')
    expect(await m.asks(text, instanceId, true)).toBe('known VALID')
    m.change(text, denial)
    expect(await m.asks(text, instanceId, true)).toMatch(/^known (REVOKED|ORPHANED|EXPIRED)$/)
    expect(await m.asks(text, instanceId, true)).toMatch(/^unknown /)
  }
  const other = m.make()
  expect([await m.asks(other, newId('ins')), await m.asks(other)]).toEqual(['unknown WRONG_INSTANCE', 'unknown VALID'])
})

test('the keys that were found valid last are in memory, by their number and by what they take, and no more', async () => {
  m.start(undefined, 10)
  const texts = Array.from({ length: 12 }, () => m.make())
  for (const text of texts) await m.codeOf(text)
  expect([m.cache.entries, await m.asks(texts[0] ?? ''), await m.asks(texts[11] ?? '')]).toEqual([10, 'unknown VALID', 'VALID'])
  const small = createKeyCache(1_000_000, 100_000)
  const entry = { key: {} as never, mark: m.mark, json: 'x'.repeat(5_000), expiresAt: 0, readAt: 0, usedAt: 0 }
  for (let index = 0; index < 100; index++) small.set(String(index), entry)
  expect([small.entries, small.bytes <= 100_000]).toEqual([9, true])
})

test('embedded: a key in memory costs no statement, however old its mark, until it moves; a fill that began before counts no more', async () => {
  const own = createOwnMark()
  m.start(own)
  const text = m.make()
  expect(await m.asks(text)).toBe('unknown VALID')
  m.pass(maxAgeMs - 1)
  expect(await m.asks(text)).toBe('VALID')
  m.change(text, { revokedAt: new Date(0) })
  own.move()
  expect(await m.asks(text)).toBe('known REVOKED')
})
