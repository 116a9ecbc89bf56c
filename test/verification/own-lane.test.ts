import { expect, test, vi } from 'vitest'
import { unavailable } from '../../src/errors.ts'
import { runAs, Work } from '../../src/store/work.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { holdDatabase } from '../support/hold.ts'

const { server, company } = await companyOfFile({ MAX_OPERATIONS_PER_MEMBER: '100' })

test('verification waits for no operation, however many have all the connections there are for them', async () => {
  const { plaintext } = await company.createKey('devA', company.I1)
  const { client, kind } = server.app.database
  if (kind === 'postgresql') {
    const works = Array.from({ length: 40 }, () => new Work('operations'))
    const asleep = works.map((work) => runAs(work, () => client.$queryRaw`SELECT pg_sleep(60)::text`).catch((error: unknown) => error))
    await vi.waitFor(async () => expect(await server.sql("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")).toHaveLength(10), 10_000)
    expect(await server.verify(plaintext, company.I1)).toMatchObject({ valid: true })
    expect(await server.sql("SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'")).toHaveLength(10)
    const reason = unavailable()
    for (const work of works) work.cancel(reason)
    expect(new Set(await Promise.all(asleep))).toEqual(new Set([reason]))
    // Those that ran were stopped in the database, and their connections serve others.
    expect(await server.sql("SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'")).toEqual([])
    return
  }
  // One place: verification is next, before everybody who came earlier.
  const release = await holdDatabase(server)
  const asked = Array.from({ length: 10 }, () => server.post({ query: '{ apps { id } }' }, as('ownA')))
  await vi.waitFor(async () => expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(/aura_keys_operations_running 10\b/), 10_000)
  server.statements.length = 0
  const verified = server.verify(plaintext, company.I1)
  await vi.waitFor(
    async () => expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(/verification_statements_total\{lane="unknown"\} [1-9]/),
    10_000,
  )
  await release()
  expect(await verified).toMatchObject({ valid: true })
  await Promise.all(asked)
  const first = server.statements.findIndex((sql) => /api_key k JOIN key_digest/.test(sql))
  const ahead = server.statements.slice(0, first).filter((sql) => !/^(COMMIT|ROLLBACK|--|SELECT 1$)/.test(sql))
  expect(ahead).toEqual([])
})
