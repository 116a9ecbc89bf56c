import { expect, test } from 'vitest'
import { createTasks, createTurns } from '../../src/turns.ts'

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

test('small tasks run in their order, and between a few of them others get their turn', async () => {
  const inTurn = createTasks()
  const done: (number | string)[] = []
  for (let index = 0; index < 100; index++) inTurn(() => void done.push(index))
  expect(done).toEqual([])
  let mostBetween = 0
  let before = 0
  while (done.length < 100) {
    await new Promise((resolve) => setImmediate(resolve))
    mostBetween = Math.max(mostBetween, done.length - before)
    before = done.length
  }
  expect(done).toEqual(Array.from({ length: 100 }, (_, index) => index))
  expect(mostBetween).toBeGreaterThan(1)
  expect(mostBetween).toBeLessThanOrEqual(16)
  // What a task adds runs too, and so does what is added when none wait.
  inTurn(() => inTurn(() => void done.push('added')))
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(done.at(-1)).toBe('added')
})
