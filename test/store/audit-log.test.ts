import { afterAll, beforeAll, expect, test } from 'vitest'
import { AuditLogDocument } from '../generated/operations.ts'
import { as, type Company, createCompany } from '../support/company.ts'
import { planOf } from '../support/plan.ts'
import { dataOf, requestStatements, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let company: Company
let before: number

/** So many events, a minute apart, the newest 31 days ago. */
const insert = (from: number, to: number) =>
  server.sql(
    `WITH moved AS (UPDATE organization SET version = version + $3::int - $2::int + 1 WHERE id = $1 RETURNING version)
     INSERT INTO event (id, organization_id, version, kind, occurred_at, subject_name)
     SELECT 'evt_' || n, $1, version - $3::int + n, 'API_KEY_EXPIRED', now() - interval '31 days' - (20000 - n) * interval '1 minute', 'x'
     FROM moved, generate_series($2::int, $3::int) n RETURNING 1`,
    company.members.ownA.organizationId,
    from,
    to,
  )
const page = async (filter: object = {}) => dataOf(await server.graphql(AuditLogDocument, { first: 1, filter }, as('ownA'))).auditLog

beforeAll(async () => {
  server = await startServer()
  company = await createCompany(server)
  before = (await page())?.totalCount ?? 0
  await insert(before + 1, 10_000)
  await server.app.database.client.$executeRawUnsafe('ANALYZE')
})
afterAll(() => server.close())

test('the audit log counts to 10,000, and says whether there are more', async () => {
  expect(await page()).toMatchObject({ totalCount: 10_000, totalCountIsExact: true })
  await insert(10_001, 10_001)
  server.statements.length = 0
  expect(await page()).toMatchObject({ totalCount: 10_000, totalCountIsExact: false })
  expect(requestStatements(server).filter((sql) => /count/i.test(sql))).toHaveLength(1)
  expect(await page({ kinds: ['MEMBER_ADDED'] })).toMatchObject({ totalCountIsExact: true })
})

test('what lies between two times is found, and what is too old deleted, by an index', async () => {
  const index = /event_organization_id_occurred_at_idx.*\n.*Index Cond: \(\(?organization_id = .*occurred_at </
  const ago = (days: number): Date => new Date(server.time.now.getTime() - days * 86_400_000)
  server.statements.length = 0
  const found = await page({ since: ago(41).toISOString(), until: ago(40).toISOString() })
  expect(found?.totalCount).toBe(1_440)
  const count = requestStatements(server).find((sql) => /count/i.test(sql)) ?? ''
  expect(await planOf(server, count)).toMatch(index)

  expect(await server.app.ports.events.deleteBefore(ago(40))).toBeGreaterThan(1_440)
  const [body] = await server.sql<{ text: string }>("SELECT prosrc AS text FROM pg_proc WHERE proname = 'delete_events_before'")
  const [deletion = ''] = /DELETE FROM .*(?=;)/.exec(body?.text ?? '') ?? []
  expect(await planOf(server, deletion.replace(/< before$/, '< $1'), `'${ago(55).toISOString()}'`)).toMatch(index)
  expect(await page({ until: ago(40).toISOString() })).toMatchObject({ totalCount: 0 })
  expect(await page({ kinds: ['MEMBER_ADDED'] })).toMatchObject({ totalCount: 5 })
})
