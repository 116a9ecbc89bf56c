import { expect, test } from 'vitest'
import { createTurns } from '../../src/server/turns.ts'

test('of a thousand that come at once each goes on in a turn of the event loop of its own, in order, and what else is ready goes on between', async () => {
  const turn = createTurns()
  let turns = 0
  let isOver = false
  const count = (): void => {
    turns++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  const wentOn: { name: number; at: number }[] = []
  await Promise.all(Array.from({ length: 1_000 }, (_, name) => turn().then(() => wentOn.push({ name, at: turns }))))
  isOver = true
  expect(wentOn.map(({ name }) => name)).toEqual(Array.from({ length: 1_000 }, (_, name) => name))
  expect(new Set(wentOn.map(({ at }) => at)).size).toBe(1_000)
})
