import { expect, test } from 'vitest'
import { createLastUses } from '../../src/verification/last-uses.ts'

test('uses that wait while none are written are those of 100,000 keys at most, and at most 5,000 are written in one statement', async () => {
  const statements: string[][] = []
  const lastUses = createLastUses({
    recordUses: (uses) => {
      statements.push(uses.map(({ keyId }) => keyId))
      return Promise.resolve(uses.length)
    },
  })
  const now = new Date()
  const ids = Array.from({ length: 120_000 }, (_, index) => `key_${String(index).padStart(26, '0')}`)
  for (const id of [...ids, ...ids]) lastUses.used(id, now)
  await lastUses.flush()
  expect(statements.flat()).toEqual(ids.slice(0, 100_000))
  expect(statements.every((written) => written.length === 5_000)).toBe(true)
  // What was lost is written at the next use; what was written a moment ago is not.
  for (const id of ids.slice(99_990, 100_010)) lastUses.used(id, now)
  await lastUses.flush()
  expect(statements.slice(20)).toEqual([ids.slice(100_000, 100_010)])
})
