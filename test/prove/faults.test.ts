import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { faultNames, faults, plant } from './faults.ts'

for (const name of faultNames) {
  test(`${name}: has its place in the compiled server`, () => {
    const { changes } = faults[name]
    const { program, remove } = plant(changes)
    try {
      for (const [file, , instead] of changes) expect(readFileSync(join(program, file), 'utf8')).toContain(instead)
    } finally {
      remove()
    }
  })
}

test('a fault that has no place, or several, is not planted', () => {
  expect(() => plant([['verification/lane.js', 'nowhere', '']])).toThrow('has 0 times')
  expect(() => plant([['verification/lane.js', 'rider', '']])).toThrow(/has \d\d times/)
})
