import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { buildSchema } from 'graphql'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { demoRows } from '../../src/cli/ensure-demo.ts'
import { bootstrapOrganization } from '../../src/organizations/bootstrap-organization.ts'
import { insertDemoRows } from '../../src/store/demo-rows.ts'
import { MissingRight } from '../../src/store/rights.ts'
import * as documents from '../generated/operations.ts'
import { as, createCompany, type Person } from '../support/company.ts'
import { createHome, type Home, onPostgres } from '../support/processes.ts'
import { dataOf, startServer, type TestServer } from '../support/server.ts'
import { overWebSocket } from '../support/subscribe.ts'

/** What the README says, for roles that are of this file alone. */
const suffix = randomBytes(4).toString('hex')
const [owner, serving] = [`aura_owner_${suffix}`, `aura_serving_${suffix}`]
const grants = (database: string): string =>
  (/^### Two roles$[\s\S]*?```sql\n([\s\S]*?)```/m.exec(readFileSync('docs/operating.md', 'utf8'))?.[1] ?? '')
    .replaceAll('aura_serving', serving)
    .replaceAll('ON DATABASE aura ', `ON DATABASE ${database} `)
    .replaceAll('FOR ROLE aura ', `FOR ROLE ${onPostgres ? owner : 'postgres'} `)

const asRole = (url: string, role: string): string => Object.assign(new URL(url), { username: role }).href

let home: Home
/** Serves under the role that owns nothing. */
let server: TestServer
/** Runs a statement as the owner of the tables. */
let asOwner: (sql: string) => Promise<unknown>
/** Of the processes, on PostgreSQL. */
let servingUrl: string

async function runAsOwner(sql: string): Promise<void> {
  const client = new Client({ connectionString: home.env['DATABASE_URL'] })
  await client.connect()
  await client.query(sql).finally(() => client.end())
}

beforeAll(async () => {
  home = await createHome({}, async (url) => {
    const admin = new Client({ connectionString: inject('postgresUrl') })
    await admin.connect()
    // As a managed PostgreSQL has it: no superuser, but a role that may make roles.
    await admin.query(`CREATE ROLE ${owner} LOGIN CREATEROLE; ALTER DATABASE ${new URL(url).pathname.slice(1)} OWNER TO ${owner}`)
    await admin.end()
    return asRole(url, owner)
  })
  if (onPostgres) {
    const migrated = await home.cli(['migrate'])
    expect([migrated.code, migrated.stderr]).toEqual([0, ''])
    const { DATABASE_URL = '', KEY_PEPPER = '', SECRETS_KEK = '' } = home.env
    servingUrl = asRole(DATABASE_URL, serving)
    const database = new URL(DATABASE_URL).pathname.slice(1)
    // What PUBLIC may differs by version and by who set the server up: some give less than the default, older ones gave more.
    await runAsOwner(`REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC; REVOKE USAGE ON SCHEMA public FROM PUBLIC; GRANT CREATE ON SCHEMA public TO PUBLIC`)
    await runAsOwner(grants(database))
    asOwner = runAsOwner
    server = await startServer({ DATABASE_URL: servingUrl, KEY_PEPPER, SECRETS_KEK })
  } else {
    // One session, which takes the role for all that the server says.
    server = await startServer()
    const { client } = server.app.database
    const [{ name } = { name: '' }] = await server.sql<{ name: string }>('SELECT current_database() AS name')
    for (const statement of grants(name)
      .split(';')
      .filter((text) => text.trim()))
      await client.$executeRawUnsafe(statement)
    await client.$executeRawUnsafe(`SET ROLE ${serving}`)
    asOwner = async (sql) => {
      await client.$executeRawUnsafe('RESET ROLE')
      await client.$executeRawUnsafe(sql).finally(() => client.$executeRawUnsafe(`SET ROLE ${serving}`))
    }
  }
}, 120_000)
afterAll(async () => {
  await server.close()
  await home.remove()
  if (!onPostgres) return
  const admin = new Client({ connectionString: inject('postgresUrl') })
  await admin.connect()
  await admin.query(`DROP ROLE ${serving}; DROP ROLE ${owner}`)
  await admin.end()
})

test('a server whose role owns nothing does everything: each mutation, verifying, watching, and what runs beside the requests', async () => {
  expect(await server.sql('SELECT current_user::text AS role')).toEqual([{ role: serving }])
  const company = await createCompany(server)
  const done = new Set<string>()
  const mutate = async <Data extends object, Input>(document: documents.TypedDocumentString<Data, { input: Input }>, input: Input, by: Person = 'ownA') => {
    const data = dataOf(await server.graphql(document, { input }, as(by)))
    for (const field of Object.keys(data)) done.add(field)
    return data
  }
  const watching = overWebSocket<documents.EventsSubscription>(
    server,
    documents.EventsDocument.toString(),
    { after: Number(await server.app.ports.organizations.version(company.members.ownA.organizationId)) },
    `Bearer ${await server.token('ownA')}`,
  )
  await mutate(documents.CreateAppDocument, { slug: 'watched', name: 'Watched' })
  expect((await watching.next())?.data?.events).toMatchObject({ kind: 'APP_CREATED', subjectName: 'Watched' })
  await watching.end()

  const { addMember } = await mutate(documents.AddMemberDocument, { subject: 'new', name: 'New', role: 'MEMBER' })
  const memberId = addMember?.member.id ?? ''
  await mutate(documents.SetMemberRoleDocument, { id: memberId, role: 'AURA_OWNER' })
  const { createAppInstance } = await mutate(documents.CreateAppInstanceDocument, { appId: company.appId, name: 'short-lived' })
  const instanceId = createAppInstance?.instance.id ?? ''
  for (const role of ['OWNER', 'USER', null] as const) await mutate(documents.SetInstanceAccessDocument, { instanceId, memberId, role })

  const key = { instanceId, name: 'key', expiresInDays: 1 }
  const { createApiKey: shown } = await mutate(documents.CreateApiKeyDocument, { ...key, idempotencyKey: 'once' })
  const { createApiKey: again } = await mutate(documents.CreateApiKeyDocument, { ...key, idempotencyKey: 'once' })
  expect(again?.apiKey.id).toBe(shown?.apiKey.id)
  const { saveApiKeyAsSecret } = await mutate(documents.SaveApiKeyAsSecretDocument, { saveToken: shown?.saveToken ?? '', name: 'saved' })
  const secretId = saveApiKeyAsSecret?.secret.id ?? ''
  expect((await mutate(documents.RevealSecretDocument, { id: secretId })).revealSecret?.value).toBe(shown?.plaintext)
  await mutate(documents.DeleteSecretDocument, { id: secretId })
  await mutate(documents.CreateApiKeyDocument, { ...key, saveAsSecret: { name: 'in_one_step' } })

  expect((await server.verify(shown?.plaintext ?? '', instanceId)).code).toBe('VALID')
  await server.app.sweep()
  expect(dataOf(await server.graphql(documents.ApiKeyDocument, { id: shown?.apiKey.id ?? '' }, as('ownA'))).apiKey?.lastUsedAt).not.toBeNull()
  await mutate(documents.RevokeApiKeyDocument, { id: shown?.apiKey.id ?? '', acknowledged: true })
  await mutate(documents.RevokeApiKeysDocument, { ids: [shown?.apiKey.id ?? ''], acknowledged: true })
  expect((await server.verify(shown?.plaintext ?? '', instanceId)).code).toBe('REVOKED')
  await mutate(documents.DeleteAppInstanceDocument, { id: instanceId, acknowledged: true })
  await mutate(documents.RemoveMemberDocument, { id: memberId, acknowledged: true })
  expect(done).toEqual(new Set(Object.keys(buildSchema(readFileSync('schema/schema.graphql', 'utf8')).getMutationType()?.getFields() ?? {})))

  const { organizationId } = await bootstrapOrganization(server.app.ports, { slug: 'c', name: 'C', owner: { subject: 'c', name: 'C' } })
  expect(organizationId).toMatch(/^org_/)
  // A day later keys expire, and idempotency keys are forgotten.
  const { id } = await company.createKey('ownA', company.I1, 'expiring', 1)
  server.time.now = new Date(server.time.now.getTime() + 25 * 3_600_000)
  await server.app.sweep()
  expect(await server.sql('SELECT status::text FROM api_key WHERE id = $1', id)).toEqual([{ status: 'EXPIRED' }])
  await server.app.tidy()
  expect(await server.sql('SELECT * FROM idempotent_create')).toEqual([])
  expect(server.log.filter(({ level, message }) => level === 'error' || /background work/.test(message))).toEqual([])
})

test('it deletes events that are older than 30 days, and no others, whatever it asks and whatever it puts in the way', async () => {
  const { ports } = server.app
  const { organizationId } = await bootstrapOrganization(ports, { slug: 'old', name: 'Old', owner: { subject: 'old', name: 'Old' } })
  await asOwner(`UPDATE organization SET version = version + 2 WHERE id = '${organizationId}'`)
  await server.sql(
    `INSERT INTO event (id, organization_id, version, kind, occurred_at, subject_name) SELECT 'evt_' || days, $1, days, 'API_KEY_EXPIRED', now() - days * interval '24 hours', ''
     FROM unnest(ARRAY[29, 31]) days RETURNING 1`,
    organizationId,
  )
  const ids = async () => (await server.sql<{ id: string }>('SELECT id FROM event ORDER BY id')).map((event) => event.id)
  const before = await ids()
  await server.sql('SELECT public.delete_events_before(NULL)::text')
  expect(await ids()).toEqual(before)
  // Another clock, in a schema that comes before the database's own.
  await asOwner('CREATE SCHEMA ahead')
  await asOwner("CREATE FUNCTION ahead.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '2999-01-01' $$")
  await asOwner(`GRANT USAGE ON SCHEMA ahead TO ${serving}`)
  await server.app.database.client.$transaction(async (session) => {
    // Tables of the session that have the same names.
    await session.$executeRawUnsafe('CREATE TEMP TABLE event ON COMMIT DROP AS SELECT * FROM public.event WHERE false')
    await session.$executeRawUnsafe('CREATE TEMP TABLE organization ON COMMIT DROP AS SELECT * FROM public.organization WHERE false')
    await session.$executeRawUnsafe('SET LOCAL search_path = pg_temp, ahead, pg_catalog, public')
    await session.$queryRawUnsafe("SELECT public.delete_events_before('infinity')")
  })
  expect(await ids()).toEqual(before.filter((id) => id !== 'evt_31'))
})

const forbidden = [
  'DELETE FROM event',
  "SELECT set_config('aura_keys.deletes_events', 'on', false); DELETE FROM event",
  'TRUNCATE event',
  'TRUNCATE organization CASCADE',
  "UPDATE event SET subject_name = ''",
  'ALTER TABLE event DISABLE TRIGGER ALL',
  'DROP TRIGGER event_stay ON event',
  'DROP TABLE event CASCADE',
  'ALTER TABLE secret ADD COLUMN more TEXT',
  'CREATE TABLE public.more (id TEXT)',
  'CREATE FUNCTION public.more() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
  'CREATE OR REPLACE FUNCTION public.delete_events_before(moment timestamptz) RETURNS bigint LANGUAGE sql AS $$ SELECT 0::bigint $$',
  'CREATE TRIGGER mine BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION refuse_update()',
  'DELETE FROM api_key',
  'DELETE FROM _prisma_migrations',
  "UPDATE _prisma_migrations SET checksum = ''",
  "INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('x', 'x', 'x')",
]
test.each(forbidden)('it may not: %s', async (sql) => {
  const before = await server.sql('SELECT count(*)::int AS events FROM event')
  const all = server.app.database.client.$transaction(async (session) => {
    for (const statement of sql.split(/;(?! )|; /)) await session.$executeRawUnsafe(statement)
  })
  await expect(all).rejects.toThrow(/permission denied|must be owner/)
  expect(await server.sql('SELECT count(*)::int AS events FROM event')).toEqual(before)
})

test('tables of later migrations are open to it too', async () => {
  await asOwner('CREATE TABLE later (id TEXT PRIMARY KEY, n INT)')
  await server.sql("INSERT INTO later VALUES ('a', 1) RETURNING 1")
  expect(await server.sql('UPDATE later SET n = n + 1 RETURNING n')).toEqual([{ n: 2 }])
  await asOwner('DROP TABLE later')
})

const sentence = /^The database is to be migrated first.*run aura-keys migrate as the role that owns the tables.*\n$/

test('it starts when nothing is to be migrated; else it says who must migrate, and nothing is begun', async () => {
  expect(await server.app.database.migrate()).toEqual([])
  const last = 'migration_name = (SELECT max(migration_name) FROM _prisma_migrations)'
  const state = () => server.sql('SELECT migration_name, finished_at, rolled_back_at FROM _prisma_migrations ORDER BY 1')
  await asOwner(`UPDATE _prisma_migrations SET finished_at = NULL WHERE ${last}`)
  const before = await state()
  await expect(server.app.database.migrate()).rejects.toThrow(MissingRight)
  if (onPostgres) {
    for (const command of [['serve'], ['migrate'], ['bootstrap', '--org', 'D', '--owner', 'd']]) {
      const ended = await home.cli(command, { DATABASE_URL: servingUrl })
      expect([command, ended.code, ended.stdout]).toEqual([command, 1, ''])
      expect(ended.stderr).toMatch(sentence)
    }
    // Nor may it see what is there.
    await runAsOwner(`REVOKE SELECT ON _prisma_migrations FROM ${serving}`)
    expect((await home.cli(['serve'], { DATABASE_URL: servingUrl })).stderr).toMatch(sentence)
    await runAsOwner(`GRANT SELECT ON _prisma_migrations TO ${serving}`)
  }
  expect(await state()).toEqual(before)
  await asOwner(`UPDATE _prisma_migrations SET finished_at = now() WHERE ${last}`)
  expect(await server.app.database.migrate()).toEqual([])
})

test('it may load the demo', async () => {
  await insertDemoRows(server.app.database.client, demoRows(server.app))
  expect(await server.sql("SELECT count(*)::int AS keys FROM api_key k JOIN organization o ON o.id = organization_id WHERE slug = 'demo'")).toEqual([
    { keys: demoRows(server.app).api_key.length - 2 },
  ])
})
