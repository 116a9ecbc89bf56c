import fc from 'fast-check'
import { expect, test } from 'vitest'
import { unavailable } from '../../src/errors.ts'
import { createAdmission } from '../../src/server/admission.ts'
import { Work } from '../../src/store/work.ts'

let refusals = 0
const refused = (): void => void refusals++
const options = { perMember: 4, waitingPerMember: 100, refused }
const sender = (organization: string, member: string) => ({ organization, member })

/** Lets everything that may start do so. */
async function settle(turns = 40): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Operations in the order of their starts, each with how to end it. */
function createLog(admission: ReturnType<typeof createAdmission>) {
  const started: { name: string; leave: () => void }[] = []
  const send = (organization: string, member: string, work = new Work('operations')): Promise<void> =>
    admission.enter(sender(organization, member), work).then((leave) => void started.push({ name: `${organization} ${member}`, leave }))
  return { started, send }
}

test('of one member four run at once and a hundred wait; the next is refused with when to come back, and no other member is', async () => {
  const admission = createAdmission(options)
  const { started, send } = createLog(admission)
  const sent = Array.from({ length: 104 }, () => send('a', 'one'))
  await settle()
  expect([admission.running, admission.waiting, started.length]).toEqual([4, 100, 4])
  await expect(send('a', 'one')).rejects.toMatchObject({ extensions: { code: 'RATE_LIMITED', retryAfterMs: 1_000, http: { status: 429 } } })
  expect(refusals).toBe(1)
  await send('a', 'two')
  expect(started.at(-1)?.name).toBe('a two')
  while (started.length > 0) {
    started.shift()?.leave()
    await settle(3)
  }
  await Promise.all(sent)
  expect([admission.running, admission.waiting]).toEqual([0, 0])
})

test('who waits is served by organization, then by member, however many another has sent', async () => {
  const admission = createAdmission({ perMember: 2, waitingPerMember: 100, refused })
  const { started, send } = createLog(admission)
  const sent: Promise<void>[] = []
  // Ten places are taken by five members of one organization, and all of them wait with many more.
  for (const member of ['1', '2', '3', '4', '5']) for (let count = 0; count < 20; count++) sent.push(send('crowd', member))
  await settle()
  expect(admission.running).toBe(10)
  for (const member of ['x', 'y']) for (let count = 0; count < 3; count++) sent.push(send('quiet', member))
  const order: string[] = []
  for (let end = 0; end < 8; end++) {
    const before = started.length
    started[end]?.leave()
    await settle(4)
    order.push(...started.slice(before).map(({ name }) => name.split(' ')[0] as string))
  }
  expect(order.filter((name) => name === 'quiet').length).toBeGreaterThanOrEqual(3)
  const quiet = started.filter(({ name }) => name.startsWith('quiet')).map(({ name }) => name)
  expect(quiet.slice(0, 2).sort()).toEqual(['quiet x', 'quiet y'])
  for (const { leave } of started) leave()
  for (let end = 0; started.length < sent.length; end++) {
    await settle(4)
    for (const { leave } of started) leave()
    if (end > 200) throw new Error('somebody waits for ever')
  }
  expect([admission.running, admission.waiting]).toEqual([0, 0])
})

test('operations start one by one, each in a turn of its own of the event loop', async () => {
  const admission = createAdmission({ perMember: 10, waitingPerMember: 0, refused })
  const { started, send } = createLog(admission)
  for (let count = 0; count < 10; count++) void send('a', 'one')
  const seen: number[] = []
  for (let turn = 0; turn < 14; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    seen.push(started.length)
  }
  expect(seen.at(-1)).toBe(10)
  for (const [turn, count] of seen.entries()) expect(count - (seen[turn - 1] ?? 0)).toBeLessThanOrEqual(1)
})

test('who hangs up between getting a place and starting gives it back', async () => {
  const admission = createAdmission(options)
  const work = new Work('operations')
  const entered = admission.enter(sender('a', 'one'), work).catch((error: unknown) => error)
  expect(admission.running).toBe(1)
  work.cancel(unavailable('gone'))
  expect(await entered).toBe(work.reason)
  expect(admission.running).toBe(0)
})

test('whatever comes, goes and is cancelled in whatever order: no bound is passed, nobody who may run waits, and nothing is left', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('send' as const), organization: fc.integer({ min: 0, max: 2 }), member: fc.integer({ min: 0, max: 2 }) }),
    fc.record({ kind: fc.constant('leave' as const), which: fc.nat() }),
    fc.record({ kind: fc.constant('cancel' as const), which: fc.nat() }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const admission = createAdmission({ perMember: 2, waitingPerMember: 3, refused })
      const running = new Map<number, { key: string; leave: () => void }>()
      const waiting = new Map<number, { key: string; work: Work }>()
      let number = 0
      const check = (): void => {
        const counts = (of: Iterable<{ key: string }>): Map<string, number> => {
          const sums = new Map<string, number>()
          for (const { key } of of) sums.set(key, (sums.get(key) ?? 0) + 1)
          return sums
        }
        const [run, wait] = [counts(running.values()), counts(waiting.values())]
        expect(admission.running).toBe(running.size)
        expect(admission.waiting).toBe(waiting.size)
        expect(running.size).toBeLessThanOrEqual(10)
        for (const count of run.values()) expect(count).toBeLessThanOrEqual(2)
        for (const [key, count] of wait) {
          expect(count).toBeLessThanOrEqual(3)
          expect(running.size === 10 || run.get(key) === 2).toBe(true)
        }
      }
      for (const each of steps) {
        if (each.kind === 'send') {
          const [id, key, work] = [number++, `${each.organization} ${each.member}`, new Work('operations')]
          waiting.set(id, { key, work })
          admission.enter(sender(`o${each.organization}`, `m${each.member}`), work).then(
            (leave) => {
              waiting.delete(id)
              running.set(id, { key, leave })
            },
            () => waiting.delete(id),
          )
        } else {
          const from = each.kind === 'leave' ? running : waiting
          const id = [...from.keys()][each.which % Math.max(1, from.size)]
          if (id === undefined) continue
          running.get(id)?.leave()
          waiting.get(id)?.work.cancel(unavailable())
          running.delete(id)
        }
        await settle(16)
        check()
      }
      for (const { work } of waiting.values()) work.cancel(unavailable())
      await settle(16)
      for (const { leave } of running.values()) leave()
      await settle(16)
      expect([admission.running, admission.waiting]).toEqual([0, 0])
    }),
    { numRuns: 60 },
  )
})
