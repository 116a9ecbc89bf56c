import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type Company, createCompany } from '../support/company.ts'
import { startPooler } from '../support/pooler.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { expectExactEnds, expectExactWrites, type Fixture, readAll, timeoutsOf, writeFixture, zones } from '../support/times.ts'

const onPostgres = process.env['TEST_STORE'] === 'postgresql'

let pooler: Awaited<ReturnType<typeof startPooler>> | null = null
let utc: TestServer
let company: Company
let fixture: Fixture
let expected: object

beforeAll(async () => {
  utc = await startServer({ MAX_KEY_LIFETIME_DAYS: '800' })
  company = await createCompany(utc)
  if (!onPostgres) return
  fixture = await writeFixture(utc, company)
  expected = await readAll(utc, fixture)
})
afterAll(async () => {
  await pooler?.stop()
  await utc.close()
})

/** A pooler whose connections begin with what the database has set by now, and its URL of the database. */
async function pooled(settings: Record<string, string>): Promise<string> {
  const name = new URL(utc.app.config.DATABASE_URL ?? '').pathname.slice(1)
  for (const [setting, value] of Object.entries(settings)) await utc.sql(`ALTER DATABASE ${name} SET ${setting} TO '${value}'`)
  await pooler?.stop()
  pooler = await startPooler(inject('postgresUrl'))
  return pooler.urlOf(name)
}

for (const zone of zones) {
  test(`behind a pooler in transaction mode, of a database in ${zone}, times and timeouts are those of UTC`, async () => {
    const before = utc.time.now
    const { organizationId } = company.members.ownB
    if (!onPostgres) {
      // The embedded database has no pooler: there as well a change leaves nothing to whoever has the session next.
      expect(await timeoutsOf(utc, organizationId)).toEqual([{ lock: '2s', idle: '5s' }])
      expect(await utc.sql('SELECT current_setting($1) AS lock', 'lock_timeout')).toEqual([{ lock: '0' }])
      return
    }
    const url = await pooled({ TimeZone: zone, DateStyle: 'SQL, DMY', lock_timeout: '1h', idle_in_transaction_session_timeout: '1h' })
    const node = await utc.node({ DATABASE_URL: url, DATABASE_LISTEN_URL: 'off' })
    expect(await readAll(node, fixture)).toEqual(expected)
    await expectExactWrites(node, utc, company, zone)
    await expectExactEnds(node, utc, company, zone)
    expect(await timeoutsOf(node, organizationId)).toEqual([{ lock: '2s', idle: '5s' }])
    expect(await node.sql('SELECT current_setting($1) AS lock', 'lock_timeout')).toEqual([{ lock: '1h' }])
    await node.close()
    utc.time.now = before
  })
}

test('a pooler that nobody was told of is refused at the start, with the setting that tells', async () => {
  if (!onPostgres) {
    await expect(startServer({ DATABASE_LISTEN_URL: 'off' })).rejects.toThrow('DATABASE_LISTEN_URL has no effect without DATABASE_URL')
    return
  }
  await expect(utc.node({ DATABASE_URL: await pooled({}) })).rejects.toThrow('Set DATABASE_LISTEN_URL')
})
