import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import { createChange } from '../../src/change/change.ts'
import { Prisma } from '../../src/store/client.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()
const { database, ports } = server.app

afterEach(() => void vi.useRealTimers())

/** Longer than Prisma lets a transaction take. */
const tooLongMs = 60_000

async function outlive(): Promise<void> {
  vi.advanceTimersByTime(tooLongMs)
  vi.useRealTimers()
  // Prisma sends ROLLBACK, and gives the connection back.
  for (let index = 0; index < 20; index++) await turn()
}

test('a statement that comes after the end of its transaction is refused, and writes nothing', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const late = database.transact(async ({ run }) => {
    await run(Prisma.sql`SELECT 1`)
    await outlive()
    await run(Prisma.sql`INSERT INTO setting (name, value) VALUES ('late', 'written')`)
  })
  await expect(late).rejects.toThrow()
  expect(await server.sql("SELECT 1 FROM setting WHERE name = 'late'")).toEqual([])
})

test.each([0, 100])('a change whose transaction ended before it did is UNAVAILABLE, and nothing was changed, if it is told %i ms later', async (ms) => {
  const transact: typeof database.transact = (body, committing) =>
    database.transact(body, committing).catch(async (error: unknown) => {
      await pause(ms)
      throw error
    })
  const change = createChange({ ...database, transact }, ports.clock, { changed: () => undefined, denied: () => undefined })
  const { organizationId, memberId } = company.members.ownA
  const before = await server.sql('SELECT version FROM organization ORDER BY id')
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const late = change(organizationId, async ({ record }) => {
    await outlive()
    record({ kind: 'MEMBER_ADDED', actorId: memberId, subjectName: 'late', memberId })
  })
  await expect(late).rejects.toMatchObject({ message: expect.stringContaining('Nothing was changed'), extensions: { code: 'UNAVAILABLE' } })
  expect(await server.sql('SELECT version FROM organization ORDER BY id')).toEqual(before)
})
