import { expect, test } from 'vitest'
import { faults } from '../prove/faults.ts'
import { prove, startGround } from '../prove/prove.ts'
import { onPostgres } from '../support/processes.ts'
import { newSeed } from '../support/random.ts'

// The short form of `npm run prove:revocation`. With one process there is no other node.
const seed = newSeed()

test(`VF-25 whatever breaks, a key opens its instance until it is denied, and never afterwards (seed ${seed})`, { timeout: 180_000 }, async () => {
  if (!onPostgres) return
  const ground = await startGround()
  try {
    const { recorder, violations } = await prove(ground, { seed, operations: 800 })
    expect(violations).toEqual([])
    for (const kind of ['creations', 'verifications', 'revocations', 'other denials']) expect(recorder.answered[kind]).toBeGreaterThan(0)
  } finally {
    await ground.cluster.stop()
  }
})

test('VF-25 a server whose denials do not wait is found', { timeout: 180_000 }, async () => {
  if (!onPostgres) return
  const ground = await startGround(faults['the wait left out'])
  try {
    const { violations } = await prove(ground, { seed, operations: 2_000, only: [], untilFound: true })
    expect(violations.map(({ rule }) => rule)).toContain('valid after a denial')
  } finally {
    await ground.cluster.stop()
  }
})
