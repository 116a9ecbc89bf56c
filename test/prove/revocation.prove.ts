import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Ground, prove, startGround } from './prove.ts'

const seeds = Number(process.env['SEEDS'] ?? 20)
const operations = Number(process.env['OPERATIONS'] ?? 10_000)
const first = Number(process.env['FIRST_SEED'] ?? 1)

let ground: Ground
beforeAll(async () => {
  ground = await startGround()
}, 120_000)
afterAll(() => ground.cluster.stop())

for (let seed = first; seed < first + seeds; seed++) {
  test(`seed ${seed}: whatever breaks, a key opens its instance until it is denied, and never afterwards`, async () => {
    const { recorder, actions, violations, seconds } = await prove(ground, { seed, operations })
    console.log(
      `seed ${seed}: ${recorder.operations} operations in ${seconds.toFixed(0)} s ${JSON.stringify(recorder.answered)}, ${recorder.unanswered} unanswered, refused ${JSON.stringify(recorder.refusals)}, ${actions.length} times something broken; ${violations.length} violations`,
    )
    expect(violations).toEqual([])
  })
}
