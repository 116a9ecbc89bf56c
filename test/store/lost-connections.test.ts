import { expect, test, vi } from 'vitest'
import { type Lane, runAs, Work } from '../../src/store/work.ts'
import { serverOfFile } from '../support/file-server.ts'

const server = await serverOfFile()

/** Cuts the connections whose last statement was this one; answers how many there were. */
const cut = async (statement: string): Promise<number> =>
  (await server.sql(`SELECT pg_terminate_backend(pid) AS cut FROM pg_stat_activity WHERE query LIKE '${statement}' AND pid <> pg_backend_pid()`)).length

// The embedded database has no connections. An error that nobody listens to would end the process, and fail this run.
for (const lane of ['operations', 'verification', 'system'] as const satisfies readonly Lane[]) {
  test(`a connection of ${lane} that is cut while a statement runs ends the statement and nothing else`, async () => {
    const { client, kind } = server.app.database
    if (kind === 'pglite') return
    const asleep = runAs(new Work(lane), () => client.$queryRaw`SELECT pg_sleep(60)::text`).catch((error: unknown) => error)
    await vi.waitFor(async () => expect(await cut('SELECT pg_sleep(60)%')).toBe(1), 20_000)
    expect(await asleep).toBeInstanceOf(Error)
    expect(await runAs(new Work(lane), () => client.$queryRaw`SELECT 1 AS one`)).toEqual([{ one: 1 }])
  })

  test(`a connection of ${lane} that is cut between two statements of a transaction ends the transaction and nothing else`, async () => {
    const { client, kind } = server.app.database
    if (kind === 'pglite') return
    const changed = runAs(new Work(lane), () =>
      client.$transaction(async (statements) => {
        await statements.$queryRaw`SELECT 'before the cut'`
        await vi.waitFor(async () => expect(await cut("SELECT ''before the cut''%")).toBe(1), 20_000)
        await vi.waitFor(async () => expect(await cut("SELECT ''before the cut''%")).toBe(0), 20_000)
        return statements.$queryRaw`SELECT 'after the cut'`
      }),
    ).catch((error: unknown) => error)
    expect(await changed).toBeInstanceOf(Error)
    expect(await runAs(new Work(lane), () => client.$queryRaw`SELECT 1 AS one`)).toEqual([{ one: 1 }])
  })
}
