import { randomBytes } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { createDigests } from '../../src/crypto/digest.ts'
import { formatKey, parseKey } from '../../src/crypto/key-format.ts'
import { newId } from '../../src/ids.ts'
import type { KeyRecord } from '../../src/keys/model.ts'
import { createKeyCache, maxAgeMs } from '../../src/verification/cache.ts'
import type { Found } from '../../src/verification/lookups.ts'
import { createHands, createMarks, createOwnMark, type Marks } from '../../src/verification/marks.ts'
import { denialMs, type Moment, reuseMs } from '../../src/verification/moment.ts'
import { createVerifier, type Verifier } from '../../src/verification/verifier.ts'

const digests = createDigests([new Uint8Array(32).fill(1)])
const organizationId = newId('org')
const instanceId = newId('ins')
const end = Date.UTC(2030, 0, 1)

/** Both clocks of the node, and the database's. */
let clocks: Moment & { database: number }
/** What the database holds. */
let rows: Map<string, KeyRecord>
let mark: string
/** What was asked of it, in order. */
let asked: string[]
let verifier: Verifier
let cache: ReturnType<typeof createKeyCache>

const moment = (): Moment => ({ mono: clocks.mono, wall: clocks.wall })
const pass = (ms: number): void => {
  clocks = { mono: clocks.mono + ms, wall: clocks.wall + ms, database: clocks.database + ms }
}

function start(marks?: Marks, maxEntries = 1_000): void {
  const hands = createHands()
  const handOf = (value: string) => ({ mark: value, sentAt: moment(), databaseTime: clocks.database })
  const lane = (name: string) => ({
    waiting: 0,
    record: async (id: string): Promise<Found | null> => {
      asked.push(name)
      const record = rows.get(id)
      if (!record) return null
      const hand = handOf(marks ? (marks.inHand(organizationId, moment())?.mark ?? '') : mark)
      hands.put(organizationId, hand)
      return { record: { ...record, mark, readAt: new Date(clocks.database) }, hand }
    },
  })
  const ofMarks = {
    record: async () => {
      asked.push('marks')
      const hand = handOf(mark)
      hands.put(organizationId, hand)
      return hand
    },
  }
  cache = createKeyCache(maxEntries, 128_000_000)
  const lookups = { known: lane('known'), unknown: lane('unknown') }
  verifier = createVerifier({ digests, moment, cache, marks: marks ?? createMarks(hands, ofMarks, reuseMs), lookups })
}

beforeEach(() => {
  clocks = { mono: 1_000, wall: Date.UTC(2029, 0, 1), database: Date.UTC(2029, 0, 1) }
  rows = new Map()
  mark = 'first'
  asked = []
  start()
})

/** A key that the database holds. */
function make(more: Partial<KeyRecord> = {}): string {
  const id = newId('key')
  const plaintext = formatKey(id, randomBytes(32))
  const facts = { name: 'k', organizationId, appId: 'app', instanceId, createdById: 'mem', revokedAt: null, orphanReason: null }
  const owners = { instanceDeletedAt: null, creatorRemovedAt: null, expiresAt: new Date(end), expiredAt: null, readAt: new Date(0), mark }
  rows.set(id, { id, ...facts, ...owners, ...digests.digest(plaintext), ...more })
  return plaintext.expose()
}
const idOf = (text: string): string => parseKey(text)?.keyId ?? ''
const change = (text: string, facts: Partial<KeyRecord>): void => void rows.set(idOf(text), { ...(rows.get(idOf(text)) as KeyRecord), ...facts })
/** As a denial does it: the fact and the mark in one commit. */
const revoke = (text: string): void => {
  change(text, { revokedAt: new Date(clocks.database) })
  mark = `after ${text}`
}
const codeOf = async (text: string, instance = instanceId, fresh = false): Promise<string> => {
  const outcome = (fresh ? null : verifier.known(text, instance)) ?? (await verifier.ask(text, instance, new Set(), fresh))
  return outcome.code
}
/** What a verification asked the database, and what came of it. */
const asks = async (...parameters: Parameters<typeof codeOf>): Promise<string> => {
  asked = []
  const code = await codeOf(...parameters)
  return [...asked, code].join(' ')
}

test('a key that was found valid costs no statement while its mark is good, one for the mark afterwards, and two once something was denied', async () => {
  const [one, other] = [make(), make()]
  expect([await asks(one), await asks(other), await asks(one)]).toEqual(['unknown VALID', 'unknown VALID', 'VALID'])
  pass(reuseMs)
  expect([await asks(one), await asks(other)]).toEqual(['marks VALID', 'VALID'])
  pass(reuseMs)
  revoke(one)
  expect([await asks(other), await asks(one), await asks(other)]).toEqual(['marks known VALID', 'known REVOKED', 'VALID'])
})

test('rule 4: a mark is used for less than 0.9 L by either clock, and by none that went back', async () => {
  const text = make()
  for (const [mono, wall, expected] of [
    [44, 44, 'marks VALID'.slice(6)],
    [45, 45, 'marks VALID'],
    [0, 45, 'marks VALID'],
    [45, 0, 'marks VALID'],
    [1, -1, 'marks VALID'],
    [0, 3_600_000, 'marks VALID'],
    [0, -3_600_000, 'marks VALID'],
  ] as const) {
    await codeOf(text, instanceId, true)
    clocks = { ...clocks, mono: clocks.mono + mono, wall: clocks.wall + wall }
    // Past 0.45 L a use also starts the next read.
    expect([mono, wall, await asks(text)]).toEqual([mono, wall, mono === 44 ? `marks ${expected}` : expected])
  }
  expect(0.9 * reuseMs * 1.1).toBeLessThan(denialMs / 1.1)
})

test('past 0.45 L one use starts the next read, whatever their number, and no timer does', async () => {
  const text = make()
  await codeOf(text)
  pass(0.44 * reuseMs)
  expect(await asks(text)).toBe('VALID')
  pass(0.02 * reuseMs)
  asked = []
  for (let use = 0; use < 10; use++) expect(verifier.known(text, instanceId)?.code).toBe('VALID')
  expect(asked).toEqual(['marks'])
  await Promise.resolve()
  pass(0.4 * reuseMs)
  expect(await asks(text)).toBe('VALID')
})

test('a denial that was committed is seen by every use whose mark was read after it', async () => {
  const text = make()
  await codeOf(text)
  revoke(text)
  pass(denialMs)
  expect(await asks(text)).toBe('marks known REVOKED')
  expect(await asks(text)).toBe('unknown REVOKED')
})

test('a fill whose reply comes after a denial does not count, since its mark is the old one', async () => {
  const text = make()
  const old = mark
  const record = { ...(rows.get(idOf(text)) as KeyRecord) }
  revoke(text)
  rows.set(idOf(text), record)
  const kept = mark
  mark = old
  expect(await codeOf(text)).toBe('VALID')
  mark = kept
  change(text, { revokedAt: new Date(clocks.database) })
  pass(reuseMs)
  expect(await asks(text)).toBe('marks known REVOKED')
})

test('VF-10 a key in memory ends with the later of both clocks, and time never goes back for it', async () => {
  for (const clock of ['wall', 'database'] as const) {
    start()
    clocks = { mono: 1_000, wall: end - 10_000, database: end - 10_000 }
    const text = make()
    await codeOf(text)
    clocks = { ...clocks, [clock]: end - 1 }
    expect([clock, await codeOf(text, instanceId, true)]).toEqual([clock, 'VALID'])
    clocks = { ...clocks, [clock]: end, mono: clocks.mono + reuseMs }
    expect([clock, await codeOf(text)]).toEqual([clock, 'EXPIRED'])
    expect(cache.entries).toBe(0)
  }
  // With the mark in hand, by the clock that never goes back.
  start()
  clocks = { mono: 1_000, wall: end - 10_000, database: end - 20 }
  const text = make()
  expect(await codeOf(text)).toBe('VALID')
  clocks = { ...clocks, mono: clocks.mono + 19 }
  expect(await asks(text)).toBe('VALID')
  clocks = { ...clocks, mono: clocks.mono + 1 }
  expect(await asks(text)).toBe('EXPIRED')
})

test('no entry is used for longer than ten minutes', async () => {
  const text = make()
  await codeOf(text)
  pass(maxAgeMs - 1)
  expect(await asks(text)).toBe('marks VALID')
  pass(1)
  expect(await asks(text)).toBe('known VALID')
})

test('no-cache asks the database, and what it says is kept', async () => {
  const text = make()
  await codeOf(text)
  expect([await asks(text, instanceId, true), await asks(text)]).toEqual(['known VALID', 'VALID'])
})

test('who knows the id of a valid key and not its secret stays out of the known lane, and puts nobody out of it', async () => {
  const text = make()
  await codeOf(text)
  for (let attempt = 0; attempt < 3; attempt++) {
    expect(await asks(formatKey(idOf(text), randomBytes(32)).expose())).toBe('unknown NOT_FOUND')
  }
  expect(await asks(text, instanceId, true)).toBe('known VALID')
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
    const text = make()
    expect(await asks(text, instanceId, true)).toBe('unknown VALID')
    expect(await asks(text, newId('ins'), true)).toBe('known WRONG_INSTANCE')
    expect(await asks(text, instanceId, true)).toBe('known VALID')
    change(text, denial)
    expect(await asks(text, instanceId, true)).toMatch(/^known (REVOKED|ORPHANED|EXPIRED)$/)
    expect(await asks(text, instanceId, true)).toMatch(/^unknown /)
  }
  const other = make()
  expect([await asks(other, newId('ins')), await asks(other)]).toEqual(['unknown WRONG_INSTANCE', 'unknown VALID'])
})

test('the keys that were found valid last are in memory, by their number and by what they take, and no more', async () => {
  start(undefined, 10)
  const texts = Array.from({ length: 12 }, () => make())
  for (const text of texts) await codeOf(text)
  expect([cache.entries, await asks(texts[0] ?? ''), await asks(texts[11] ?? '')]).toEqual([10, 'unknown VALID', 'VALID'])
  const small = createKeyCache(1_000_000, 100_000)
  const entry = { key: {} as never, mark, json: 'x'.repeat(5_000), expiresAt: 0, readAt: 0, usedAt: 0 }
  for (let index = 0; index < 100; index++) small.set(String(index), entry)
  expect([small.entries, small.bytes <= 100_000]).toEqual([4, true])
})

test('embedded: a key in memory costs no statement, however old its mark, until it moves; a fill that began before counts no more', async () => {
  const own = createOwnMark()
  start(own)
  const text = make()
  expect(await asks(text)).toBe('unknown VALID')
  pass(maxAgeMs - 1)
  expect(await asks(text)).toBe('VALID')
  change(text, { revokedAt: new Date(0) })
  own.move()
  expect(await asks(text)).toBe('known REVOKED')
})
