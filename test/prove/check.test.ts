import { describe, expect, test } from 'vitest'
import { check, type Violation } from './check.ts'
import type { CreatedKey, Denial, Entry, Verification } from './history.ts'

const hour = 3_600_000
const created = (more: Partial<CreatedKey> = {}): CreatedKey => ({ kind: 'created', key: 'K', begin: 0, end: 10, endsAt: 30 * 24 * hour, ...more })
const denial = (by: Denial['by'], begin: number, end: number | null, more: Partial<Denial> = {}): Denial => ({
  kind: 'denial',
  by,
  keys: ['K'],
  begin,
  end,
  ...more,
})
const said = (outcome: string | null, begin: number, end: number | null = begin + 5): Verification => ({
  kind: 'verification',
  key: 'K',
  node: 1,
  begin,
  end,
  outcome,
})
const rules = (...history: Entry[]): Violation['rule'][] => check(history).map(({ rule }) => rule)

const revoked = denial('revocation', 100, 200)
const orphaned = denial('deletion', 100, 200)

describe('found:', () => {
  const found: readonly [what: string, rule: Violation['rule'], history: Entry[]][] = [
    ['valid, asked after a revocation was answered', 'valid after a denial', [created(), revoked, said('VALID', 200.1)]],
    ['valid, asked after a deletion was answered', 'valid after a denial', [created(), orphaned, said('VALID', 200.1)]],
    ['valid, asked after a removal was answered', 'valid after a denial', [created(), denial('removal', 100, 200), said('VALID', 200.1)]],
    [
      'valid, asked after the answer of a repetition whose first was never answered',
      'valid after a denial',
      [created(), denial('revocation', 100, null), denial('revocation', 150, 210), said('VALID', 211)],
    ],
    [
      'valid, asked after a repetition was answered, while the first was under way',
      'valid after a denial',
      [created(), denial('revocation', 100, 300), denial('revocation', 101, 110), said('VALID', 111)],
    ],
    ['valid, asked after its end', 'valid after its end', [created({ endsAt: 1_000 }), said('VALID', 1_006)]],
    ['a live key revoked by nobody', 'a live key refused', [created(), said('REVOKED', 20)]],
    ['a live key orphaned though only revoked', 'a live key refused', [created(), denial('revocation', 18, null), said('ORPHANED', 20)]],
    ['a live key refused before the denial began', 'a live key refused', [created(), said('REVOKED', 90), revoked]],
    ['over before its end, with all clocks true', 'a live key refused', [created({ endsAt: 1_000 }), said('EXPIRED', 900)]],
    ['over before its end by longer than a mark is good', 'a live key refused', [created({ endsAt: 1_000 }), said('EXPIRED', 940)]],
    [
      'over before its end by more than any clock was ahead',
      'a live key refused',
      [created({ endsAt: 2 * hour }), { kind: 'clock', begin: 0, end: null, aheadMs: hour }, said('EXPIRED', 900)],
    ],
    [
      'over early, by a clock that was right again before the key was made',
      'a live key refused',
      [{ kind: 'clock', begin: 0, end: 50, aheadMs: hour }, created({ begin: 60, end: 70, endsAt: 1_000 }), said('EXPIRED', 80)],
    ],
    ['an acknowledged key unknown', 'something acknowledged lost', [created(), said('NOT_FOUND', 20)]],
    ['of another instance', 'something acknowledged lost', [created(), said('WRONG_INSTANCE', 20)]],
    ['unknown after it was revoked', 'something acknowledged lost', [created(), revoked, said('NOT_FOUND', 300)]],
    ['only orphaned after a revocation was answered', 'something acknowledged lost', [created(), orphaned, revoked, said('ORPHANED', 300)]],
    ['only over after a deletion was answered', 'something acknowledged lost', [created({ endsAt: 250 }), orphaned, said('EXPIRED', 300)]],
    ['an answer that is none', 'something acknowledged lost', [created(), said('HTTP 500', 20)]],
    ['a denial refused', 'a denial refused', [created(), { ...denial('revocation', 100, null), refused: 'NOT_FOUND' }]],
  ]
  for (const [what, rule, history] of found) test(what, () => expect(rules(...history)).toEqual([rule]))
})

describe('let be:', () => {
  const fine: readonly [what: string, history: Entry[]][] = [
    ['valid until a denial is answered, for who asked before that', [created(), revoked, said('VALID', 99), said('VALID', 150), said('VALID', 199, 900)]],
    ['denied from its begin on', [created(), revoked, said('REVOKED', 99), said('REVOKED', 150), said('REVOKED', 900)]],
    ['either, after a denial without an answer', [created(), denial('revocation', 100, null), said('VALID', 5_000), said('REVOKED', 6_000)]],
    ['orphaned or revoked, once both were asked for', [created(), orphaned, denial('revocation', 300, null), said('ORPHANED', 400), said('REVOKED', 400)]],
    ['503 at any time', [created(), said(null, 20), revoked, said(null, 300, null)]],
    ['over before its end by less than a mark is good', [created({ endsAt: 1_000 }), said('EXPIRED', 946)]],
    ['over after its end', [created({ endsAt: 1_000 }), said('VALID', 990), said('EXPIRED', 1_001)]],
    ['over as early as a clock was ahead', [created({ endsAt: hour }), { kind: 'clock', begin: 500, end: 600, aheadMs: hour }, said('EXPIRED', 550)]],
    [
      'over early for good, since the node that was ahead stored it',
      [created({ endsAt: hour }), { kind: 'clock', begin: 500, end: 600, aheadMs: hour }, said('EXPIRED', 5_000)],
    ],
    ['a denial of other keys', [created(), { ...revoked, keys: ['other'] }, said('VALID', 300)]],
  ]
  for (const [what, history] of fine) test(what, () => expect(check(history)).toEqual([]))
})

test('a violation says what happened, in times since the key was made', () => {
  expect(check([created(), revoked, said('VALID', 200.5)])[0]?.text).toBe(
    'K ends at 2591999990.0; revocation 90.0 to 190.0; node 1 said VALID from 190.5 to 195.5',
  )
})
