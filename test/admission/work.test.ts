import { expect, test } from 'vitest'
import { unavailable } from '../../src/errors.ts'
import { orStopped, startDeadline } from '../../src/server/deadline.ts'
import { currentWork, runAs, runForAll, startForAll, Work } from '../../src/store/work.ts'

const reason = unavailable('stopped')

test('until COMMIT is sent a cancelled operation sends nothing more, and what it runs is stopped', () => {
  const work = new Work('operations')
  let stops = 0
  const forget = work.onCancel(() => stops++)
  work.onCancel(() => stops++)
  forget()
  work.begin()
  work.cancel(reason)
  work.cancel(unavailable('again'))
  expect(stops).toBe(1)
  expect(() => work.check()).toThrow(reason)
  expect(() => work.commit()).toThrow(reason)
  expect(() => work.begin()).toThrow(reason)
  expect(work.hasCommitted).toBe(false)
  work.onCancel(() => stops++)
  expect(stops).toBe(2)
})

test('once COMMIT is sent nothing stops the change or what its payload reads, but no further change begins', () => {
  const work = new Work('operations')
  let stops = 0
  work.begin()
  work.commit()
  work.onCancel(() => stops++)
  work.cancel(reason)
  work.check()
  expect([stops, work.hasCommitted]).toEqual([0, true])
  expect(() => work.begin()).toThrow(reason)
})

test('a change after the first one can be stopped again, and the answer of the first is waited for', async () => {
  const work = new Work('operations')
  let stops = 0
  let answer: (value: { data: Record<string, unknown> }) => void = () => undefined
  const answered = orStopped(work, () => new Promise((resolve) => (answer = resolve)))
  work.begin()
  work.commit()
  work.begin()
  work.onCancel(() => stops++)
  work.cancel(reason)
  expect(stops).toBe(1)
  expect(() => work.check()).toThrow(reason)
  answer({ data: { plaintext: 'shown once' } })
  expect(await answered).toEqual({ data: { plaintext: 'shown once' } })
})

test('an operation that is stopped is answered at once, whenever its execution ends', async () => {
  const work = new Work('operations')
  const answered = orStopped(work, () => new Promise(() => undefined))
  work.cancel(reason)
  expect((await answered).errors?.map(({ originalError }) => originalError)).toEqual([reason])
})

test('the time of an operation ends it, and its end ends the time', async () => {
  const late = startDeadline(20)
  await new Promise<void>((resolve) => void late.work.onCancel(resolve))
  expect(late.work.reason).toMatchObject({ extensions: { code: 'UNAVAILABLE' }, message: expect.stringContaining('OPERATION_TIMEOUT_MS') })
  let left = 0
  const done = startDeadline(20)
  done.work.leaveQueue = () => left++
  done.end()
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect([done.work.reason, left]).toEqual([null, 1])
})

test('an operation has at most two connections at once', async () => {
  const work = new Work('operations')
  let [now, most] = [0, 0]
  const use = async (): Promise<void> => {
    most = Math.max(most, ++now)
    await new Promise((resolve) => setImmediate(resolve))
    now--
  }
  await Promise.all(Array.from({ length: 50 }, () => work.place(use)))
  expect([now, most]).toEqual([0, 2])
})

test('what is read for many belongs to no operation, whoever causes it', async () => {
  const work = new Work('operations')
  await runAs(work, async () => {
    expect(currentWork()).toBe(work)
    await runForAll(async () => expect(currentWork()).toBeNull())
    await new Promise<void>((resolve) => startForAll(() => setTimeout(() => resolve(expect(currentWork()).toBeNull()), 1)))
    expect(currentWork()).toBe(work)
  })
  expect(currentWork()).toBeNull()
})
