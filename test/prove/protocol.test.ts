import { randomBytes } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createDigests } from '../../src/crypto/digest.ts'
import { formatKey } from '../../src/crypto/key-format.ts'
import { newId } from '../../src/ids.ts'
import type { KeyRecord } from '../../src/keys/model.ts'
import type { Ports } from '../../src/ports.ts'
import { createKeyCache } from '../../src/verification/cache.ts'
import { createLookups } from '../../src/verification/lookups.ts'
import { createHands, createMarks } from '../../src/verification/marks.ts'
import { denialMs, reuseMs } from '../../src/verification/moment.ts'
import type { VerificationStore } from '../../src/verification/store.ts'
import { createVerifier, type Verifier } from '../../src/verification/verifier.ts'

const digests = createDigests([new Uint8Array(32).fill(1)])
const [organizationId, instanceId] = [newId('org'), newId('ins')]
const farAway = new Date(Date.UTC(2100, 0, 1))
const silent = { log: { info: () => undefined, warn: () => undefined, error: () => undefined }, metrics: { lookedUp: () => undefined } } as unknown as Pick<
  Ports,
  'log' | 'metrics'
>

function makeKey(): { text: string; record: KeyRecord } {
  const id = newId('key')
  const plaintext = formatKey(id, randomBytes(32))
  const facts = { name: 'k', organizationId, appId: 'app', instanceId, createdById: 'mem', revokedAt: null, orphanReason: null }
  const owners = { instanceDeletedAt: null, creatorRemovedAt: null, expiresAt: farAway, expiredAt: null, readAt: new Date(0), mark: '' }
  return { text: plaintext.expose(), record: { id, ...facts, ...owners, ...digests.digest(plaintext) } }
}
const keys = [makeKey(), makeKey()]

const weakenings = [
  'nothing',
  'no denial waits',
  'a denial waits from before its commit',
  'the mark is read after the row',
  'the mark moves in a commit before',
  'its moment is that of the reply',
] as const
type Weakening = (typeof weakenings)[number]

const operation = fc.record({ key: fc.constantFrom(0, 0, 0, 1), node: fc.constantFrom(0, 0, 1), isDenial: fc.constantFrom(false, false, false, false, true) })
type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never
/** Each does one thing after the other. */
const clients = fc.array(fc.array(operation, { minLength: 4, maxLength: 12 }), { minLength: 2, maxLength: 4 })
/** In milliseconds: most steps take next to none, some longer than a mark is good or a denial waits. */
const times = fc.array(fc.oneof({ weight: 4, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: fc.constantFrom(20, 60) }), { minLength: 1, maxLength: 12 })

/**
 * Two nodes, whose parts are the product's, before a database and a clock that are a model. Whatever happens is a step, and each step takes a time of
 * its own: statements are executed, some steps after they were sent, and replied to, some steps later.
 */
async function run(weak: Weakening, scheduler: fc.Scheduler, asking: readonly (readonly Operation[])[], stepMs: readonly number[]): Promise<string[]> {
  let [mono, steps] = [0, 0]
  let mark = 0
  const denied = new Set<string>()
  /** Those whose denial was answered. */
  const told = new Set<number>()
  const step = (label: string): Promise<void> =>
    scheduler.schedule(Promise.resolve(), label).then(() => {
      mono += stepMs[steps++ % stepMs.length] ?? 1
    })
  const moment = () => ({ mono, wall: 1e12 + mono })
  const markRow = () => ({ organizationId, mark: String(mark), readAt: new Date(1e12 + mono) })
  const store: Pick<VerificationStore, 'marks' | 'records'> = {
    marks: async () => {
      await step('marks are read')
      const rows = [markRow()]
      await step('marks are replied')
      return rows
    },
    records: async (ids) => {
      await step('rows are read')
      const read = keys
        .filter(({ record }) => ids.includes(record.id))
        .map(({ record }) => ({ ...record, revokedAt: denied.has(record.id) ? new Date(0) : null }))
      if (weak === 'the mark is read after the row') await step('their mark is read')
      const { mark: now, readAt } = markRow()
      await step('rows are replied')
      return read.map((record) => ({ ...record, mark: now, readAt }))
    },
  }
  const nodes = [0, 1].map((): Verifier => {
    const hands = createHands()
    const put: typeof hands.put = (id, hand) => hands.put(id, weak === 'its moment is that of the reply' ? { ...hand, sentAt: moment() } : hand)
    const lookups = createLookups({ store, hands: { put }, moment, ownMark: null }, silent, 600_000)
    const marks = createMarks(hands, lookups.marks, reuseMs)
    return createVerifier({ digests, moment, cache: createKeyCache(10, 1e6), marks, lookups, rehashes: { used: () => undefined } })
  })
  const deny = async (key: number): Promise<void> => {
    await step('a denial begins')
    const id = keys[key]?.record.id ?? ''
    const sent = mono
    if (weak === 'a denial waits from before its commit') await step('its commit arrives')
    // One that is done already moves nothing.
    if (!denied.has(id)) mark++
    if (weak === 'the mark moves in a commit before') await step('it is committed')
    denied.add(id)
    await step('its commit is replied')
    const from = weak === 'a denial waits from before its commit' ? sent : mono
    const end = from + (weak === 'no denial waits' ? 0 : denialMs)
    while (mono < end) await step('it waits')
    told.add(key)
  }
  const wrong: string[] = []
  const ask = async (key: number, node: number): Promise<void> => {
    await step('a request arrives')
    const [wasTold, text] = [told.has(key), keys[key]?.text ?? '']
    const verifier = nodes[node] as Verifier
    const { code } = verifier.known(text, instanceId) ?? (await verifier.ask(text, instanceId, new Set()))
    if (wasTold && code === 'VALID') wrong.push(`key ${key} is valid on node ${node} after its denial was answered`)
    if (!denied.has(keys[key]?.record.id ?? '') && code !== 'VALID') wrong.push(`key ${key} is ${code}, although nobody denied it`)
  }
  const runClient = async (mine: readonly Operation[]): Promise<void> => {
    for (const { key, node, isDenial } of mine) await (isDenial ? deny(key) : ask(key, node))
  }
  await scheduler.waitFor(Promise.all(asking.map(runClient)))
  return wrong
}

/** A lane gathers for a turn of the event loop before it sends a statement, which the next step must not overtake. */
const act = async (step: () => Promise<void>): Promise<void> => {
  await step()
  await turn()
}

const property = (weak: Weakening) =>
  fc.asyncProperty(fc.scheduler({ act }), clients, times, async (scheduler, asking, stepMs) => {
    // Time goes on, or nobody's wait would end.
    expect(await run(weak, scheduler, asking, [...stepMs, 5])).toEqual([])
  })

test('in whatever order requests, statements, replies, denials and fills come, nothing is valid for who asks after a denial was answered', {
  timeout: 120_000,
}, async () => {
  await fc.assert(property('nothing'), { numRuns: 300 })
})

for (const weak of weakenings.slice(1)) {
  test(`otherwise it is when ${weak}`, { timeout: 120_000 }, async () => {
    const { errorInstance } = await fc.check(property(weak), { numRuns: 2_000, endOnFailure: true })
    expect((errorInstance as { actual?: string[] } | null)?.actual?.join()).toContain('after its denial was answered')
  })
}
