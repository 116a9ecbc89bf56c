import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { createChange } from '../../src/change/change.ts'
import { createChangeBy } from '../../src/change/change-by.ts'
import { createStores } from '../../src/change/stores.ts'
import { unavailable } from '../../src/errors.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import type { Ports } from '../../src/ports.ts'
import { openPostgres, Prisma } from '../../src/store/client.ts'
import { runAs, Work } from '../../src/store/work.ts'
import { companyOfFile } from '../support/file-server.ts'
import { type Fault, type Packets, watchPackets } from '../support/packets.ts'

const { server, company } = await companyOfFile()
const { ownA } = company.members
// The embedded database has no packets. What is asserted of it here is that such a change succeeds.
const url = server.app.config.DATABASE_URL
afterEach(() => void vi.useRealTimers())
const ends: (() => void | Promise<void>)[] = []
afterAll(async () => {
  for (const end of ends) await end()
})

/** A node's ports on a connection that is watched. */
async function watched(): Promise<{ packets: Packets; ports: Ports }> {
  const packets = await watchPackets(String(url))
  const database = openPostgres(packets.url, { operationMs: 10_000 })
  ends.push(packets.stop, () => database.close())
  const stores = createStores(database)
  const change = createChange(database, server.app.ports.clock, { changed: () => undefined, denied: () => undefined })
  return { packets, ports: { ...server.app.ports, ...stores, change, changeBy: createChangeBy(stores, change) } }
}

const calls: Record<string, (ports: Ports, name: string) => Promise<unknown>> = {
  'createApiKey, whose write and COMMIT are one packet': (ports: Ports, name: string) =>
    createApiKey(ports, ownA, { instanceId: company.I1, name, expiresInDays: 1 }),
  'createAppInstance, which writes before': (ports: Ports, name: string) => createAppInstance(ports, ownA, { appId: company.appId, name }),
}

const outcomeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'done',
    (error: Error) => error.message,
  )

/** What is there afterwards of a change, its rows and its events alike, agrees with what was said of it. */
async function agrees(name: string, outcome: string): Promise<void> {
  const [found] = await server.sql<{ rows: number; events: number }>(
    `SELECT (SELECT count(*)::int FROM api_key WHERE name = $1) + (SELECT count(*)::int FROM app_instance WHERE name = $1) AS rows,
      (SELECT count(*)::int FROM event WHERE subject_name = $1) AS events`,
    name,
  )
  expect([outcome, found?.events]).toEqual([outcome, found?.rows])
  if (outcome === 'done') expect([outcome, found?.rows]).toEqual([outcome, 1])
  else if (/Nothing was changed|cancelled/.test(outcome)) expect([outcome, found?.rows]).toEqual([outcome, 0])
  else expect(outcome).toContain('may or may not have been made')
}

const faults: (Fault | 'cancelled')[] = ['cut before', 'cut after', 'cancelled', 'swallowed']

for (const [name, call] of Object.entries(calls)) {
  for (const from of ['client', 'database'] as const) {
    for (const fault of faults) {
      test(`${name}: a packet of the ${from} that is ${fault} leaves what was said of the change`, async () => {
        if (url === undefined) return void (await call(server.app.ports, 'embedded'))
        const { packets, ports } = await watched()
        let isLast = false
        for (let at = 0; !isLast; at++) {
          // Swallowed behind the last packet a COMMIT waits for its own limit, which is tested below.
          if (fault === 'swallowed' && at > 0) break
          const work = new Work('operations')
          const cancel = () => work.cancel(unavailable('cancelled'))
          const row = `${fault} ${from} ${at} ${name.slice(0, 12)}`
          const came = packets.arm({ from, at, fault: fault === 'cancelled' ? cancel : fault })
          const late = fault === 'swallowed' ? setTimeout(cancel, 100) : undefined
          const outcome = await outcomeOf(runAs(work, () => call(ports, row)))
          clearTimeout(late)
          isLast = !came()
          await pause(fault === 'cut after' ? 80 : 10)
          await agrees(row, outcome)
          if (isLast) expect([at > 0, outcome]).toEqual([true, 'done'])
        }
      })
    }
  }
}

test('a pooler that shuts down while the database commits leaves it open whether the change was made', async () => {
  if (url === undefined) return
  const { packets, ports } = await watched()
  packets.shutDown()
  const outcome = await outcomeOf(createApiKey(ports, ownA, { instanceId: company.I1, name: 'pooled', expiresInDays: 1 }))
  expect(outcome).toContain('may or may not have been made')
  await agrees('pooled', outcome)
})

test('a connection that goes silent at BEGIN holds up its organization for some seconds, without a deadline too', async () => {
  if (url === undefined) return
  const { packets, ports } = await watched()
  packets.arm({ from: 'client', at: 0, fault: 'swallowed' })
  const create = (name: string) => outcomeOf(createApiKey(ports, ownA, { instanceId: company.I1, name, expiresInDays: 1 }))
  const [first, second] = await Promise.all([create('silent'), create('next')])
  // Whichever came first.
  expect([first, second].sort((a, b) => b.length - a.length)).toEqual([expect.stringContaining('Nothing was changed'), 'done'])
}, 20_000)

test('a connection that goes silent at COMMIT leaves it open whether the change was made, and the next change is made', async () => {
  if (url === undefined) return
  const { packets, ports } = await watched()
  const create = (name: string) => outcomeOf(createApiKey(ports, ownA, { instanceId: company.I1, name, expiresInDays: 1 }))
  expect(await create('warm')).toBe('done')
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const came = packets.arm({ from: 'client', at: 1, fault: 'swallowed' })
  const first = create('unheard')
  while (!came()) await turn()
  const second = create('after it')
  vi.advanceTimersByTime(29_000)
  expect(await Promise.race([first, second, pause(200, 'waiting')])).toBe('waiting')
  vi.advanceTimersByTime(2_000)
  vi.useRealTimers()
  expect(await first).toContain('may or may not have been made')
  await agrees('unheard', await first)
  expect(await second).toBe('done')
})

test('a statement that cannot be sent undoes the change, whatever was written before', async () => {
  const { organizationId, memberId } = ownA
  const change = server.app.ports.change(organizationId, async ({ apps, now, write, record }) => {
    await apps.insert({ id: 'app_half', organizationId, slug: 'half', name: 'half', createdAt: now })
    write(Prisma.sql`UPDATE app SET name = ${{ no: 'value' }} WHERE id = 'app_half'`)
    record({ kind: 'APP_CREATED', subjectName: 'half', actorId: memberId, appId: 'app_half' })
  })
  await expect(change).rejects.toThrow('a value of a statement is an object')
  expect(await server.sql("SELECT 1 FROM app WHERE slug = 'half'")).toEqual([])
})

test('what is sent after a statement that was refused is not run, whether or not the body goes on', async () => {
  const { database } = server.app
  const going = database.transact(async ({ run }) => {
    await run(Prisma.sql`SELECT 1 / 0`).catch(() => undefined)
    await run(Prisma.sql`INSERT INTO setting (name, value) VALUES ('late', 'written')`).catch(() => undefined)
  })
  await expect(going).rejects.toThrow()
  expect(await server.sql("SELECT 1 FROM setting WHERE name = 'late'")).toEqual([])
})
