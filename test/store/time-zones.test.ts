import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { type Company, createCompany } from '../support/company.ts'
import { startProxy, withoutSettings } from '../support/proxy.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { expectExactEnds, expectExactWrites, type Fixture, readAll, timeoutsOf, writeFixture, zones } from '../support/times.ts'

const onPostgres = process.env['TEST_STORE'] === 'postgresql'

let utc: TestServer
let company: Company
let fixture: Fixture
let expected: object
const undo: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  utc = await startServer({ MAX_KEY_LIFETIME_DAYS: '800' })
  company = await createCompany(utc)
  fixture = await writeFixture(utc, company)
  expected = await readAll(utc, fixture)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const step of undo.splice(0).reverse()) await step()
})
afterAll(() => utc.close())

const databaseUrl = (): string => utc.app.config.DATABASE_URL ?? ''

/** What a database's owner or a role can have set, all against us. */
const against = (zone: string): Record<string, string> => ({
  TimeZone: zone,
  DateStyle: 'SQL, DMY',
  lock_timeout: '1h',
  idle_in_transaction_session_timeout: '1h',
})

async function onDatabase(settings: Record<string, string>): Promise<void> {
  const name = new URL(databaseUrl()).pathname.slice(1)
  for (const [setting, value] of Object.entries(settings)) await utc.sql(`ALTER DATABASE ${name} SET ${setting} TO '${value}'`)
  undo.push(() => utc.sql(`ALTER DATABASE ${name} RESET ALL`))
}

async function started(environment: Record<string, string>): Promise<TestServer> {
  const node = await utc.node(environment)
  undo.push(() => node.close())
  return node
}

/** What is in front of the database keeps no setting that a client asks for. */
async function losingSettings(): Promise<Record<string, string>> {
  const proxy = await startProxy(databaseUrl(), withoutSettings)
  undo.push(() => proxy.stop())
  return { DATABASE_URL: proxy.url, DATABASE_LISTEN_URL: 'off' }
}

const ways: Record<string, (zone: string) => Promise<TestServer>> = {
  'the database': async (zone) => {
    await onDatabase(against(zone))
    return started({})
  },
  'the role': async (zone) => {
    const role = `role_${randomBytes(6).toString('hex')}`
    await utc.sql(`CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD '${role}'`)
    undo.push(() => utc.sql(`DROP ROLE ${role}`))
    for (const [name, value] of Object.entries(against(zone))) await utc.sql(`ALTER ROLE ${role} SET ${name} TO '${value}'`)
    const url = Object.assign(new URL(databaseUrl()), { username: role, password: role })
    return started({ DATABASE_URL: url.href })
  },
  'options of the URL': (zone) => {
    const url = new URL(databaseUrl())
    const options = Object.entries(against(zone)).map(([name, value]) => `-c ${name}=${value.replace(' ', '\\ ')}`)
    url.searchParams.set('options', options.join(' '))
    return started({ DATABASE_URL: url.href })
  },
  'the environment': (zone) => {
    vi.stubEnv('PGTZ', zone)
    vi.stubEnv('PGOPTIONS', `-c TimeZone=${zone} -c lock_timeout=1h -c idle_in_transaction_session_timeout=1h`)
    return started({})
  },
  'the database, behind what loses the settings of sessions': async (zone) => {
    await onDatabase({ ...against(zone), DateStyle: 'ISO, DMY' })
    return started(await losingSettings())
  },
}

/** Whoever sets it while the node runs: on its own session, which the next statements take again. */
const whileRunning = async (zone: string): Promise<TestServer> => {
  const node = await started({})
  const { TimeZone, lock_timeout } = against(zone)
  await node.sql("SELECT set_config('TimeZone', $1, false), set_config('lock_timeout', $2, false)", TimeZone, lock_timeout)
  undo.push(() => node.sql("SELECT set_config('TimeZone', 'UTC', false), set_config('lock_timeout', '0', false)"))
  return node
}

for (const [way, start] of Object.entries({ ...ways, 'a statement while the node runs': whileRunning })) {
  describe(`a zone that is set by ${way}`, () => {
    for (const zone of zones) {
      test(`${zone}: every time is read and written as with UTC, nothing ends early or late, and the timeouts hold`, async () => {
        // The embedded database has one session, which nothing from outside sets.
        if (!onPostgres && start !== whileRunning) return
        const before = utc.time.now
        const node = await start(zone)
        expect(await readAll(node, fixture)).toEqual(expected)
        const label = `${way} ${zone}`.replaceAll(' ', '-').slice(-60)
        await expectExactWrites(node, utc, company, label)
        await expectExactEnds(node, utc, company, label)
        expect(await timeoutsOf(node, company.members.ownB.organizationId)).toEqual([{ lock: '2s', idle: '5s' }])
        utc.time.now = before
      })
    }
  })
}

test('where the settings of sessions are lost, a change behind a lock that is held gives up nevertheless', async () => {
  if (!onPostgres) {
    // One connection: nobody else can hold a lock.
    expect(await timeoutsOf(utc, company.members.ownB.organizationId)).toEqual([{ lock: '2s', idle: '5s' }])
    return
  }
  const node = await started(await losingSettings())
  const { ownB } = company.members
  expect(await node.sql('SELECT current_setting($1) AS lock', 'lock_timeout')).toEqual([{ lock: '0' }])
  const refused = await utc.app.ports.change(ownB.organizationId, () =>
    createApiKey(node.app.ports, ownB, { instanceId: company.J1, name: 'behind', expiresInDays: 1 }).catch((error: unknown) => error),
  )
  expect(refused).toMatchObject({ extensions: { code: 'UNAVAILABLE' } })
})

test('a form of times that cannot be read for certain is refused at the start, and never guessed', async () => {
  if (onPostgres) {
    await onDatabase({ DateStyle: 'SQL, DMY' })
    await expect(started(await losingSettings())).rejects.toThrow("ALTER ROLE CURRENT_USER SET DateStyle TO 'ISO, MDY'")
  }
  const sent = utc.app.database.client.$transaction(async (statements) => {
    await statements.$executeRaw`SET LOCAL DateStyle TO 'SQL, DMY'`
    return statements.event.findFirst({ select: { occurredAt: true } })
  })
  await expect(sent).rejects.toThrow('ISO 8601')
})

test('the query of the README finds the keys that were written in another zone, with the end that was meant', async () => {
  const server = await startServer()
  undo.push(() => server.close())
  const { createKey, I1 } = await createCompany(server)
  await createKey('ownA', I1, 'right')
  const { id } = await createKey('ownA', I1, 'shifted', 30)
  const shift = "interval '5 hours 30 minutes'"
  await server.sql(`UPDATE api_key SET created_at = created_at - ${shift}, expires_at = expires_at - ${shift} WHERE id = $1 RETURNING 1`, id)
  const query = /```sql\n([^`]+);\n```/.exec(readFileSync('docs/operating.md', 'utf8'))?.[1] ?? ''
  const found = await server.sql<{ id: string; meant: Date }>(query)
  expect(found).toMatchObject([{ id }])
  expect(Math.abs((found[0]?.meant.getTime() ?? 0) - server.time.now.getTime() - 30 * 86_400_000)).toBeLessThan(600_000)
})
