import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { KeyRecord } from '../../src/keys/model.ts'
import { createLane, type Departures } from '../../src/verification/lane.ts'

const arrival = fc.record({ key: fc.constantFrom('A', 'B', 'C'), stays: fc.boolean(), isRevoked: fc.boolean() })

/** A row says what the database held when the statement was executed, which is some time between its sending and its reply. */
const rowOf = (id: string, statement: number, revoked: ReadonlySet<string>): KeyRecord =>
  ({ id, name: String(statement), revokedAt: revoked.has(id) ? new Date(0) : null }) as KeyRecord

test('VF-07 in whatever order requests, statements, replies, failures, revocations and departures come, no answer is older than its request', async () => {
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(arrival, { minLength: 1, maxLength: 10 }), fc.array(fc.boolean()), async (scheduler, arrivals, failures) => {
      let sent = 0
      const revoked = new Set<string>()
      const step = (label: string): Promise<void> => scheduler.schedule(Promise.resolve(), label)
      const bounds = { maxWaiting: 1_000, maxWaitMs: Number.POSITIVE_INFINITY, gather: () => step('what arrived is read') }
      const lane = createLane(async (ids) => {
        const statement = sent++
        await step(`statement ${statement} for ${ids} is executed`)
        if (failures[statement]) throw new Error('failure')
        const rows = ids.map((id) => rowOf(id, statement, revoked))
        await step(`statement ${statement} is replied to`)
        return new Map(rows.map((row) => [row.id, row]))
      }, bounds)

      const ask = async (key: string, stays: boolean): Promise<string> => {
        const [sentBefore, wasRevoked] = [sent, revoked.has(key)]
        const departures: Departures = new Set()
        if (!stays) {
          void step(`who asked for ${key} is gone`).then(() => {
            for (const leave of departures) leave()
          })
        }
        return lane.record(key, departures).then(
          (row) => {
            if (Number(row?.name) < sentBefore) return `statement ${row?.name}, although ${sentBefore} were sent before`
            return wasRevoked && row?.revokedAt === null ? 'valid after it was revoked' : 'fresh'
          },
          (error: Error) => error.message,
        )
      }
      const revoke = (key: string): Promise<unknown> => step(`${key} is revoked`).then(() => revoked.add(key))
      const asked = arrivals.map(({ key, stays }) => step(`${key} is asked for`).then(() => ask(key, stays)))
      const denied = arrivals.filter(({ isRevoked }) => isRevoked).map(({ key }) => revoke(key))
      const [outcomes] = await scheduler.waitFor(Promise.all([Promise.all(asked), Promise.all(denied)]))
      for (const outcome of outcomes) seen.add(outcome)
      expect(outcomes.filter((outcome) => !['fresh', 'failure', 'gone'].includes(outcome))).toEqual([])
      expect(lane.waiting).toBe(0)
    }),
    { numRuns: 1_000 },
  )
  expect([...seen].sort()).toEqual(['failure', 'fresh', 'gone'])
})
