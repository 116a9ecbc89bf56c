import { expect, test } from 'vitest'
import { CreateApiKeyDocument } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()
const onPostgres = process.env['TEST_STORE'] === 'postgresql'

const create = (name: string) => server.graphql(CreateApiKeyDocument, { input: { instanceId: company.I1, name, expiresInDays: 1 } }, as('ownA'))
const warnings = async (): Promise<unknown> => ((await (await fetch(`${server.url}/readyz`)).json()) as { warnings?: string[] }).warnings
const lines = (code: string) =>
  server.log.filter(({ fields, message }) => (fields as { code?: unknown }).code === code && /statements are refused/.test(message))
const minuteLater = (): void => {
  server.time.now = new Date(server.time.now.getTime() + 60_000)
}

/** Refuses every change with this SQLSTATE until the returned function is called. */
async function refuse(code: string): Promise<() => Promise<void>> {
  const { client } = server.app.database
  await client.$executeRawUnsafe(
    `CREATE FUNCTION refuse_with() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a value: hunter2' USING ERRCODE = '${code}'; END $$`,
  )
  await client.$executeRawUnsafe('CREATE TRIGGER refuse_with BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION refuse_with()')
  return async () => {
    await client.$executeRawUnsafe('DROP TRIGGER refuse_with ON event')
    await client.$executeRawUnsafe('DROP FUNCTION refuse_with()')
  }
}

const causes: readonly [code: string, warning: RegExp, answer: string][] = [
  ['53100', /^the disk of the database is full \(53100\)$/, 'UNAVAILABLE'],
  ['53200', /^the database is out of memory \(53200\)$/, 'UNAVAILABLE'],
  ['55P03', /^a lock was not free in time \(55P03\)$/, 'UNAVAILABLE'],
  ['58030', /^the database cannot read or write its files \(58030\)$/, 'UNAVAILABLE'],
  ['42501', /^the role of DATABASE_URL lacks a right \(42501\)$/, 'INTERNAL'],
  ['XX001', /^the database has damaged data \(XX001\)$/, 'INTERNAL'],
]

for (const [code, warning, answer] of causes) {
  test(`CF-20 changes that the database refuses with ${code} are one line of the log in a minute, and a warning of /readyz`, async () => {
    minuteLater()
    expect(await warnings()).toBeUndefined()
    const free = await refuse(code)
    const answers = await Promise.all(Array.from({ length: 5 }, (_, number) => create(`key ${number}`)))
    for (const { errors } of answers) expect(errors?.map(({ extensions }) => extensions?.['code'])).toEqual([answer])
    expect(lines(code)).toHaveLength(1)
    expect(lines(code)[0]?.level).toBe('warn')
    expect(await warnings()).toEqual([expect.stringMatching(warning)])
    minuteLater()
    expect(await warnings()).toBeUndefined()
    await create('again')
    expect(lines(code)).toHaveLength(2)
    await free()
    minuteLater()
    expect((await create('fine')).errors).toBeUndefined()
    expect(await warnings()).toBeUndefined()
    expect(JSON.stringify(server.log)).not.toContain('hunter2')
  })
}

test('CF-20 a database that becomes read-only is named, and nothing is changed', async () => {
  minuteLater()
  const { client } = server.app.database
  // In one transaction, so that it can also be taken back where sessions are read-only.
  const set = (mode: 'ONLY' | 'WRITE') =>
    client.$transaction(async (session) => {
      await session.$executeRawUnsafe('SET TRANSACTION READ WRITE')
      await session.$executeRawUnsafe(
        onPostgres
          ? `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only TO ${mode === 'ONLY'}', current_database()); END $$`
          : `SET SESSION CHARACTERISTICS AS TRANSACTION READ ${mode}`,
      )
    })
  const reconnect = async (): Promise<void> => {
    const others = 'SELECT pg_terminate_backend(pid, 5000)::text FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()'
    if (onPostgres) await server.sql(others)
  }
  await set('ONLY')
  await reconnect()
  // A connection of the pool may not know yet that it was ended: that is UNAVAILABLE too, and says nothing of the database.
  const codes: unknown[] = []
  const noted = async (): Promise<unknown> => {
    const { errors } = await create('refused')
    codes.push(errors?.[0]?.extensions?.['code'])
    return warnings()
  }
  await expect.poll(noted, { timeout: 10_000 }).toContain('the database is read-only (25006)')
  expect(new Set(codes)).toEqual(new Set(['UNAVAILABLE']))
  expect(lines('25006')).toHaveLength(1)
  expect(await client.apiKey.count({ where: { name: 'refused' } })).toBe(0)
  await set('WRITE')
  await reconnect()
  await expect.poll(async () => (await create('fine')).errors, { timeout: 10_000 }).toBeUndefined()
})
