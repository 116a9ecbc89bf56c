import { expect, test } from 'vitest'
import { type Fault, type FaultName, faultNames, faults } from './faults.ts'
import { prove, startGround } from './prove.ts'
import { restore, saves } from './restore.ts'

// More than of a seed: most faults are found within a third, but what shows one is chance, and rarer on a busy machine.
const operations = 5 * Number(process.env['OPERATIONS'] ?? 10_000)
const seed = Number(process.env['FIRST_SEED'] ?? 1)
const ofRestores: FaultName = 'a counter in place of the random mark, across a restore'

for (const name of faultNames.filter((each) => each !== ofRestores)) {
  test(`planted: ${name}`, async () => {
    const fault: Fault = faults[name]
    const ground = await startGround(fault)
    try {
      const { recorder, actions, violations, seconds } = await prove(ground, {
        seed,
        operations,
        untilFound: true,
        ...(fault.only && { only: fault.only }),
        ...(fault.clients && { clients: fault.clients }),
      })
      console.log(
        `planted: ${name}: ${violations.length > 0 ? 'found' : 'NOT FOUND'} after ${recorder.operations} operations, ${seconds.toFixed(0)} s, ${actions.length} times something broken`,
      )
      if (violations[0]) console.log(`  ${violations[0].rule}: ${violations[0].text}`)
      expect(violations).not.toEqual([])
    } finally {
      await ground.cluster.stop()
    }
  })
}

const seconds = (begin: number): string => ((performance.now() - begin) / 1_000).toFixed(0)

test(`planted: ${ofRestores}`, async () => {
  const ground = await startGround(faults[ofRestores])
  try {
    const begin = performance.now()
    const { denied } = await restore(ground, saves['a dump'], ({ sql }) =>
      sql('UPDATE organization SET version = version + 1000000, denial_mark = next_mark(denial_mark)'),
    )
    console.log(`planted: ${ofRestores}: ${denied === 'VALID' ? 'found' : 'NOT FOUND'} in one restore, ${seconds(begin)} s`)
    expect(denied).toBe('VALID')
  } finally {
    await ground.cluster.stop()
  }
})

test('planted: a restore that renews no mark', async () => {
  const ground = await startGround()
  try {
    const begin = performance.now()
    const { lost, denied } = await restore(ground, saves['a dump'], async () => undefined)
    console.log(`planted: a restore that renews no mark: ${lost === 'VALID' ? 'found' : 'NOT FOUND'} in one restore, ${seconds(begin)} s`)
    // What was lost is still in memory; what is denied afterwards is not, since a random mark never comes back.
    expect({ lost, denied }).toEqual({ lost: 'VALID', denied: 'REVOKED' })
  } finally {
    await ground.cluster.stop()
  }
})
