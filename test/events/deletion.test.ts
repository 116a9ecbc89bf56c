import { beforeEach, expect, test } from 'vitest'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()

/** Around the last 30 days, by the database's clock. */
const ages = { 'a year': '1 year', 'a minute more': '720 hours 1 minute', 'a minute less': '719 hours 59 minutes', now: '0 seconds', tomorrow: '-1 day' }
const kept = ['a minute less', 'now', 'tomorrow']

beforeEach(async () => {
  await server.sql("SELECT delete_events_before('infinity') AS deleted")
  await server.sql(
    `WITH moved AS (UPDATE organization SET version = version + $2::int WHERE id = $1 RETURNING version)
     INSERT INTO event (id, organization_id, version, kind, occurred_at, subject_name)
     SELECT gen_random_uuid(), $1, version - $2::int + row_number() OVER (), 'API_KEY_EXPIRED', now() - age::interval, name
     FROM moved, unnest($3::text[], $4::text[]) AS given(name, age) RETURNING 1`,
    company.members.ownA.organizationId,
    Object.keys(ages).length,
    Object.keys(ages),
    Object.values(ages),
  )
})

const left = async () =>
  new Set(
    (await server.sql<{ name: string }>('SELECT subject_name AS name FROM event ORDER BY version')).map(({ name }) => name).filter((name) => name in ages),
  )

test.each(['infinity', '2999-01-01', 'now', 'yesterday'])('asked to delete what is before %s, the database keeps the last 30 days', async (moment) => {
  await server.sql('SELECT delete_events_before($1::text::timestamptz) AS deleted', moment)
  expect(await left()).toEqual(new Set(kept))
})

test('a zone in which a month is shorter deletes nothing more', async () => {
  const { client } = server.app.database
  // In this zone clocks went on by four days within the last thirty.
  const month = new Date(Date.now() - 15 * 86_400_000)
  const day = Math.floor((month.getTime() - Date.UTC(month.getUTCFullYear(), 0, 1)) / 86_400_000)
  await client.$transaction(async (session) => {
    await session.$executeRawUnsafe(`SET LOCAL TimeZone = 'WEST+48EAST-48,${day},${(day + 180) % 365}'`)
    const [{ days } = { days: 0 }] = await session.$queryRawUnsafe<{ days: number }[]>(
      "SELECT (extract(epoch FROM now() - (now() - interval '30 days')) / 86400)::float8 AS days",
    )
    expect(days).not.toBe(30)
    await session.$queryRawUnsafe("SELECT delete_events_before('infinity')")
  })
  expect(await left()).toEqual(new Set(kept))
})

test('asked for less it deletes less, and for nothing nothing', async () => {
  expect(await server.sql('SELECT delete_events_before(NULL) AS deleted')).toEqual([{ deleted: null }])
  expect(await server.app.ports.events.deleteBefore(new Date(Date.now() - 400 * 86_400_000))).toBe(0)
  expect(await left()).toEqual(new Set(Object.keys(ages)))
  expect(await server.app.ports.events.deleteBefore(new Date(Date.now() - 300 * 86_400_000))).toBe(1)
  expect(await left()).toEqual(new Set(['a minute more', ...kept]))
})

const otherwise: [what: string, statements: string[]][] = [
  ['a DELETE of all', ['DELETE FROM event']],
  ['a DELETE of what is old', ["DELETE FROM event WHERE subject_name = 'a year'"]],
  ['a DELETE after the function ran', ["SELECT delete_events_before('-infinity')", "DELETE FROM event WHERE subject_name = 'a year'"]],
  ['a DELETE of what is new, with the setting of the function', ["SET LOCAL aura_keys.deletes_events = 'on'", "DELETE FROM event WHERE subject_name = 'now'"]],
  ['TRUNCATE', ['TRUNCATE event']],
  ['TRUNCATE of what events refer to', ['TRUNCATE organization CASCADE']],
]
test.each(otherwise)('%s is refused, and deletes no event', async (_, statements) => {
  const before = await server.sql('SELECT id FROM event ORDER BY id')
  const all = server.app.database.client.$transaction(async (session) => {
    for (const statement of statements) await session.$executeRawUnsafe(statement)
  })
  await expect(all).rejects.toThrow(/never deleted|by delete_events_before alone/)
  expect(await server.sql('SELECT id FROM event ORDER BY id')).toEqual(before)
})
