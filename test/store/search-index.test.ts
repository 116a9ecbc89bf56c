import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm'
import { Client } from 'pg'
import { expect, inject, test, vi } from 'vitest'
import { searchable } from '../../src/folding.ts'
import { openPGlite, openPostgres } from '../../src/store/client.ts'
import { migrationsFolder } from '../../src/store/schema-engine.ts'
import { makeSearchIndexes } from '../../src/store/search-index.ts'
import { foldNames } from '../../src/store/unfolded.ts'
import { ApiKeysDocument } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { withDatabase } from '../support/postgres.ts'
import { dataOf, startServer } from '../support/server.ts'

const onPostgres = process.env['TEST_STORE'] === 'postgresql'
const { server, company } = await companyOfFile()

const indexes = async (sql = server.sql): Promise<string[]> =>
  (await sql<{ name: string }>("SELECT indexname AS name FROM pg_indexes WHERE indexdef LIKE '%gin_trgm_ops%' ORDER BY 1")).map(({ name }) => name)
const all = ['api_key_trigrams_idx', 'app_instance_trigrams_idx', 'member_trigrams_idx']

const find = async (search: string): Promise<string[]> =>
  dataOf(await server.graphql(ApiKeysDocument, { filter: { search } }, as('ownA'))).apiKeys.edges.map(({ node }) => node.name)

async function started(): Promise<string[]> {
  const warnings: string[] = []
  await makeSearchIndexes(server.app.database, (message) => warnings.push(message))
  return warnings
}

test('without the extension search finds the same, a start says how to get it, and the next start with it makes the indexes', async () => {
  await company.createKey('ownA', company.I1, 'Ünïque')
  expect(await indexes()).toEqual(all)
  expect(await started()).toEqual([])
  await server.sql('DROP EXTENSION pg_trgm CASCADE')
  expect(await indexes()).toEqual([])
  expect(await find('ÏQU')).toEqual(['Ünïque'])
  expect(await find('ün')).toEqual(['Ünïque'])
  const [warning = '', ...others] = await started()
  expect(others).toEqual([])
  expect(warning).toContain('CREATE EXTENSION pg_trgm')
  const [statement = ''] = /CREATE EXTENSION pg_trgm/.exec(warning) ?? []
  await server.sql(statement)
  expect(await started()).toEqual([])
  expect(await indexes()).toEqual(all)
  expect(await find('ÏQU')).toEqual(['Ünïque'])
})

test('an extension in a schema of its own will do, and an index that was half made is made anew', async () => {
  await server.sql('DROP EXTENSION pg_trgm CASCADE')
  await server.sql('CREATE SCHEMA "of its own"')
  await server.sql('CREATE EXTENSION pg_trgm SCHEMA "of its own"')
  expect(await started()).toEqual([])
  expect(await indexes()).toEqual(all)
  await server.sql(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'api_key_trigrams_idx'::regclass RETURNING 1`)
  expect(await started()).toEqual([])
  expect(await server.sql("SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = 'api_key_trigrams_idx'::regclass")).toEqual([{ valid: true }])
})

test('a role that does not own the tables is told who can make the indexes', async () => {
  const role = `searches_${randomBytes(4).toString('hex')}`
  await server.sql('DROP INDEX member_trigrams_idx')
  await server.sql(`CREATE ROLE ${role}`)
  const { database } = server.app
  const warnings: string[] = []
  await database.client.$transaction(async (client) => {
    await client.$executeRawUnsafe(`SET LOCAL ROLE ${role}`)
    await makeSearchIndexes({ client: client as typeof database.client, alone: database.alone }, (message) => warnings.push(message))
  })
  await server.sql(`DROP ROLE ${role}`)
  expect(warnings).toEqual([expect.stringContaining('aura-keys migrate as the role that owns the tables')])
  expect(await started()).toEqual([])
  expect(await indexes()).toEqual(all)
})

test('a database that refuses the extension is migrated, warned of once, and has the indexes after a start with it', async () => {
  // The embedded database has no other role, and refuses nothing.
  if (!onPostgres) return
  const name = `refuses_${randomBytes(6).toString('hex')}`
  const url = withDatabase(inject('postgresUrl'), name)
  const run = async (target: string, sql: string): Promise<void> => {
    const client = new Client({ connectionString: target })
    await client.connect()
    await client.query(sql).finally(() => client.end())
  }
  await run(inject('postgresUrl'), `CREATE DATABASE ${name}`)
  // As a managed PostgreSQL does, which allows some extensions only.
  await run(
    url,
    `CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE insufficient_privilege; END $$;
     CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE EXTENSION') EXECUTE FUNCTION refuse()`,
  )
  const secrets = { DATABASE_URL: url, KEY_PEPPER: Buffer.alloc(32, 7).toString('base64'), SECRETS_KEK: Buffer.alloc(32, 8).toString('base64') }
  const refused = await startServer(secrets)
  expect(refused.log.filter(({ message }) => message.includes('pg_trgm')).map(({ level }) => level)).toEqual(['warn'])
  expect(await indexes(refused.sql)).toEqual([])
  await refused.close()
  await run(url, 'DROP EVENT TRIGGER refuse; CREATE EXTENSION pg_trgm')
  const given = await startServer(secrets)
  expect(given.log.filter(({ message }) => message.includes('pg_trgm'))).toEqual([])
  expect(await indexes(given.sql)).toEqual(all)
  await given.close()
  await run(inject('postgresUrl'), `DROP DATABASE ${name} WITH (FORCE)`)
})

const printable = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => index + 32))
const oldNames = [printable, 'Plain', 'ÀÉ Straße', 'Жук', 'İ', 'a…b']

test('rows of an older version get what the application would write: ASCII names at once, others once they are folded', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-old-'))
  const name = `old_${randomBytes(6).toString('hex')}`
  const url = onPostgres ? withDatabase(inject('postgresUrl'), name) : ''
  const admin = new Client({ connectionString: inject('postgresUrl') })
  if (onPostgres) {
    await admin.connect()
    await admin.query(`CREATE DATABASE ${name}`)
  }
  const pglite = onPostgres ? null : await PGlite.create({ dataDir: folder, extensions: { pg_trgm } })
  const direct = onPostgres ? new Client({ connectionString: url }) : null
  await direct?.connect()
  const run = async (sql: string): Promise<unknown> => (pglite ? pglite.exec(sql) : direct?.query(sql))
  const migrations = readdirSync(migrationsFolder)
    .filter((entry) => /^\d+_/.test(entry))
    .sort()
  const at = migrations.findIndex((entry) => entry.endsWith('_search'))
  const sqlOf = (entry: string): string => readFileSync(join(migrationsFolder, entry, 'migration.sql'), 'utf8')
  for (const entry of migrations.slice(0, at)) await run(sqlOf(entry))
  const rows = oldNames.map((text, index) => `(${index}, E'${text.replace(/['\\]/g, '\\$&')}')`).join(', ')
  const id = (prefix: string, n = 'n'): string => `'${prefix}_' || ${n}`
  await run(`INSERT INTO organization (id, slug, name) VALUES ('org_0', 'old', 'Old');
    INSERT INTO member (id, organization_id, subject, name, email, role, joined_at)
      SELECT ${id('mem')}, 'org_0', 's' || n, name, CASE WHEN n > 0 THEN name || '@X' END, 'OWNER', now() FROM (VALUES ${rows}) v(n, name);
    INSERT INTO app (id, organization_id, slug, name, created_at) VALUES ('app_0', 'org_0', 'app', 'App', now());
    INSERT INTO app_instance (id, organization_id, app_id, name, status, created_by_id, created_at)
      SELECT ${id('ins')}, 'org_0', 'app_0', name, 'ACTIVE', 'mem_0', now() FROM (VALUES ${rows}) v(n, name);
    INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at)
      SELECT ${id('key')}, 'org_0', 'app_0', 'ins_0', 'mem_0', name, 'aura_01AB…cDe' || n, now(), now() + interval '1 day' FROM (VALUES ${rows}) v(n, name)`)
  for (const entry of migrations.slice(at)) await run(sqlOf(entry))
  await pglite?.close()
  await direct?.end()

  const database = onPostgres ? openPostgres(url) : await openPGlite(folder)
  const { client } = database
  const columns = { id: true, name: true, folded: true, trigrams: true } as const
  const wrong = async (): Promise<string[]> => {
    const keys = await client.apiKey.findMany({ select: { ...columns, hint: true } })
    const members = await client.member.findMany({ select: { ...columns, email: true } })
    const instances = await client.appInstance.findMany({ select: columns })
    const stored = [
      ...keys.map((row) => ({ ...row, more: row.hint })),
      ...members.map((row) => ({ ...row, more: row.email ?? '' })),
      ...instances.map((row) => ({ ...row, more: '' })),
    ]
    expect(stored).toHaveLength(3 * oldNames.length)
    return stored
      .filter(({ name: text, more, folded, trigrams }) => JSON.stringify(searchable(text, more)) !== JSON.stringify({ folded, trigrams }))
      .map(({ id: of }) => of)
      .sort()
  }
  const beforeFolding = await wrong()
  expect(beforeFolding).toEqual([2, 3, 4].flatMap((n) => [`ins_${n}`, `key_${n}`, `mem_${n}`]).sort())
  await foldNames(client)
  expect(await wrong()).toEqual([])
  expect(await client.unfolded.count()).toBe(0)
  await database.close()
  if (onPostgres) {
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await admin.end()
  }
  rmSync(folder, { recursive: true, force: true })
}, 120_000)

test('a row that a change has locked is folded later, and nothing waits for it', async () => {
  await server.sql("UPDATE api_key SET name = 'Жук' WHERE name = 'Ünïque' RETURNING 1")
  await server.sql("UPDATE member SET name = 'Жук' WHERE name = 'viewA' RETURNING 1")
  if (onPostgres) {
    await server.app.database.client.$transaction(async (change) => {
      await change.$executeRawUnsafe("SELECT 1 FROM api_key WHERE name = 'Жук' FOR UPDATE")
      await foldNames(server.app.database.client)
      expect(await server.sql("SELECT folded FROM member WHERE name = 'Жук'")).toEqual([{ folded: 'жук\nviewa@test.example' }])
      expect(await find('жук')).toEqual([])
    })
  }
  // The node's own job may be at it, and leaves rows that it has locked.
  await vi.waitFor(async () => {
    await foldNames(server.app.database.client)
    expect(await find('жук')).toEqual(['Жук'])
  }, 10_000)
})
