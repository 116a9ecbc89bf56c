import { expect, test } from 'vitest'
import { createOpenSessions } from '../../src/authentication/open-sessions.ts'

/** A store that answers when it is told to, or not at all. */
function held() {
  const at = { now: new Date('2026-01-01T00:00:00Z') }
  const written: [ids: readonly string[], at: string][] = []
  let answer = (_: string[] | Error): void => undefined
  const sessions = createOpenSessions(
    {
      validAmong: () => new Promise((resolve, reject) => (answer = (valid) => (valid instanceof Error ? reject(valid) : resolve(valid)))),
      markUsed: async (ids, now) => void written.push([ids, now.toISOString().slice(11, 16)]),
    },
    { now: () => at.now },
  )
  const check = async (valid: string[] | Error, meanwhile = (): void => undefined): Promise<void> => {
    const checked = sessions.check()
    meanwhile()
    answer(valid)
    await checked
  }
  return { sessions, at, written, check }
}

test('SE-07 a use while a check reads is written by the next one, at its time', async () => {
  const { sessions, at, written, check } = held()
  sessions.watch('a', () => undefined)
  await check(['a'], () => {
    at.now = new Date('2026-01-01T07:00:00Z')
    sessions.used('a')
    sessions.watch('b', () => undefined)
    sessions.used('b')
  })
  expect(written).toEqual([])
  await check(['a', 'b'])
  expect(written).toEqual([[['a', 'b'], '07:00']])
})

test('SE-07 a use that could not be written is not lost', async () => {
  const { sessions, written, check } = held()
  const stop = sessions.watch('a', () => undefined)
  sessions.watch('b', () => undefined)
  sessions.used('a')
  sessions.used('b')
  await expect(check(new Error('no connection'), stop)).rejects.toThrow('no connection')
  await check(['b'])
  expect(written).toEqual([[['b'], '00:00']])
})
