import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { createKeptAnswers, type KeptAnswer } from '../../src/server/kept-answers.ts'

const state = { version: 1n, mark: randomUUID() }
const answer = (organizationId: string, bytes: number, of = state, askedAt = 0): Omit<KeptAnswer, 'key'> => ({
  json: 'x'.repeat(bytes),
  organizationId,
  state: of,
  askedAt,
  use: null,
  audience: null,
})

test('RD-05 answers stay within their bytes, one organization within a quarter, whatever fills them', () => {
  const maxBytes = 4_000_000
  const kept = createKeptAnswers(maxBytes)
  for (let index = 0; index < 20_000; index++) {
    kept.keep({ key: `question ${index}`, ...answer('org_greedy', 1 + (index % 50) * 100) })
    expect(kept.bytes).toBeLessThanOrEqual(maxBytes / 4)
  }
  for (let index = 0; index < 5_000; index++) {
    kept.keep({ key: 'question', ...answer(`org_${index}`, 10) })
    expect(kept.bytes).toBeLessThanOrEqual(maxBytes)
  }
  // Those that were used last are there; the greedy one gave its place.
  expect(kept.find('org_4999', 'question')).toBeDefined()
  expect(kept.find('org_greedy', 'question 19999')).toBeUndefined()
})

test('RD-05 an organization that is asked stays while others come and go', () => {
  const kept = createKeptAnswers(1_000_000)
  kept.keep({ key: 'question', ...answer('org_asked', 10) })
  for (let index = 0; index < 2_000; index++) {
    kept.keep({ key: 'question', ...answer(`org_${index}`, 10) })
    expect(kept.find('org_asked', 'question')).toBeDefined()
  }
})

test('RD-05 an answer too large for a quarter is not kept, and drops nothing', () => {
  const kept = createKeptAnswers(1_000_000)
  kept.keep({ key: 'small', ...answer('org_a', 10) })
  kept.keep({ key: 'large', ...answer('org_a', 125_000) })
  expect(kept.find('org_a', 'large')).toBeUndefined()
  expect(kept.find('org_a', 'small')).toBeDefined()
})

test('the first answer under another version or mark drops all others of the organization', () => {
  const kept = createKeptAnswers(1_000_000)
  for (const other of [
    { version: 2n, mark: state.mark },
    { version: 1n, mark: randomUUID() },
  ]) {
    kept.keep({ key: 'old', ...answer('org_a', 10) })
    kept.keep({ key: 'other', ...answer('org_b', 10) })
    const before = kept.bytes
    kept.keep({ key: 'new', ...answer('org_a', 10, other) })
    expect([kept.find('org_a', 'old'), kept.bytes]).toEqual([undefined, before])
    expect(kept.find('org_b', 'other')).toBeDefined()
  }
})

test('an answer that was executed long drops none of a state that was asked for after its own', () => {
  const kept = createKeptAnswers(1_000_000)
  kept.keep({ key: 'new', ...answer('org_a', 10, { version: 2n, mark: randomUUID() }, 20) })
  kept.keep({ key: 'late', ...answer('org_a', 10, state, 10) })
  expect([kept.find('org_a', 'new'), kept.find('org_a', 'late')]).toEqual([expect.anything(), undefined])
  // After a restore the version is lower.
  kept.keep({ key: 'restored', ...answer('org_a', 10, { version: 1n, mark: randomUUID() }, 30) })
  expect([kept.find('org_a', 'new'), kept.find('org_a', 'restored')]).toEqual([undefined, expect.anything()])
})

test('an answer whose state is gone is dropped with its bytes, and nothing else is', () => {
  const kept = createKeptAnswers(1_000_000)
  kept.keep({ key: 'stays', ...answer('org_a', 10) })
  const before = kept.bytes
  kept.keep({ key: 'goes', ...answer('org_a', 10) })
  const found = kept.find('org_a', 'goes') as KeptAnswer
  kept.drop(found)
  kept.drop(found)
  expect([kept.find('org_a', 'goes'), kept.bytes, kept.size]).toEqual([undefined, before, 1])
  // One that took its place meanwhile.
  kept.keep({ key: 'goes', ...answer('org_a', 20) })
  kept.drop(found)
  expect(kept.find('org_a', 'goes')?.json).toHaveLength(20)
})
