import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Fault, happening, play } from '../support/kept-model.ts'

const plays = (fault: Fault, check: (outcome: Awaited<ReturnType<typeof play>>) => void) =>
  fc.asyncProperty(fc.scheduler(), fc.array(happening, { minLength: 2, maxLength: 25 }), async (scheduler, happenings) =>
    check(await play(scheduler, happenings, fault)),
  )

test('RD-01 in whatever order requests, statements, changes, last uses and restores come, an answer that is sent again is that of a state since its request came', async () => {
  let again = 0
  await fc.assert(
    plays(null, (outcome) => {
      again += outcome.again
      expect(outcome.wrong).toEqual([])
    }),
    { numRuns: 3_000 },
  )
  expect(again).toBeGreaterThan(1_000)
})

const faults: Exclude<Fault, null>[] = ['the state is read first', 'no mark', 'no place', 'no member in the key', 'no mark of last uses']
test.each(faults)('RD-01 the same search finds the fault: %s', async (fault) => {
  const found: string[] = []
  const { failed } = await fc.check(
    plays(fault, ({ wrong }) => {
      found.push(...wrong)
      expect(wrong).toEqual([])
    }),
    { numRuns: 20_000, endOnFailure: true },
  )
  expect(failed).toBe(true)
  expect(found).not.toEqual([])
})
