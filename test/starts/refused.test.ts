import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { withDatabase } from '../support/postgres.ts'
import { createGround, type Ground } from '../support/starts.ts'

let ground: Ground
beforeAll(async () => {
  ground = await createGround()
  const { sql, postgres } = ground
  await sql("CREATE ROLE plain LOGIN; CREATE ROLE locked NOLOGIN; CREATE ROLE guarded LOGIN PASSWORD 'right'; CREATE ROLE tls LOGIN; CREATE ROLE nowhere LOGIN")
  const file = join(postgres.data, 'pg_hba.conf')
  const first = ['host all guarded all scram-sha-256', 'hostssl all tls all trust', 'host all tls all reject', 'host all nowhere all reject']
  writeFileSync(file, `${first.join('\n')}\n${readFileSync(file, 'utf8')}`)
  await sql('SELECT pg_reload_conf()')
}, 60_000)
afterAll(() => ground.remove())

const nameOf = (url: string): string => new URL(url).pathname.slice(1)
const as = (url: string, username: string, password = ''): string => Object.assign(new URL(url), { username, password }).href
const withParameter = (url: string, name: string, value: string): string => {
  const changed = new URL(url)
  changed.searchParams.set(name, value)
  return changed.href
}
/** An empty database after this SQL in it, as the role. */
async function after(text: string, role = 'postgres', created = ''): Promise<string> {
  const url = await ground.database(created)
  if (text !== '') await ground.sql(text.replaceAll('THIS', nameOf(url)), url)
  return as(url, role)
}
const future = (name: string): string => `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ('${name}', '', '${name}', now())`
const othersTable = `CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL,
  logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count int NOT NULL DEFAULT 0)`

const refusals: readonly [what: string, url: () => Promise<string>, sentence: RegExp][] = [
  [
    'there is no such database',
    async () => withDatabase(ground.postgres.url, 'absent'),
    /^aura-keys could not start: There is no database absent at 127\.0\.0\.1:\d+\. Make it, with CREATE DATABASE absent/,
  ],
  ['the role may not log in', () => after('', 'locked'), /refuses the role locked.*LOGIN.*pg_hba\.conf/],
  ['there is no such role', () => after('', 'nobody_at_all'), /refuses the role nobody_at_all/],
  ['the password is wrong', async () => as(await after(''), 'guarded', 'hunter2'), /refuses the password of the role guarded/],
  ['a password is wanted', () => after('', 'guarded'), /asks for the password of the role guarded, and DATABASE_URL has none/],
  ['TLS is wanted', () => after('', 'tls'), /refuses the role tls.*sslmode=verify-full/],
  ['pg_hba.conf does not admit it', () => after('', 'nowhere'), /refuses the role nowhere.*pg_hba\.conf/],
  [
    'TLS is not offered',
    async () => withParameter(await after(''), 'sslmode', 'verify-full'),
    /asks for TLS, which the database at 127\.0\.0\.1:\d+ does not offer/,
  ],
  ['nothing listens there', async () => 'postgresql://u:hunter2@127.0.0.1:1/d', /Nothing answered at 127\.0\.0\.1:1 \(ECONNREFUSED\)/],
  ['there is no such host', async () => 'postgresql://u:hunter2@nowhere.invalid/d', /Nothing answered at nowhere\.invalid:5432 \((ENOTFOUND|EAI_AGAIN)\)/],
  ['there is no such socket', async () => 'postgresql:///d?host=/nowhere', /Nothing answered at \/nowhere \(ENOENT\)/],
  ['it may not connect', async () => after('REVOKE CONNECT ON DATABASE THIS FROM PUBLIC', 'plain'), /GRANT CONNECT ON DATABASE start_\w+ TO plain/],
  [
    'the database is closed',
    async () => {
      const url = await after('')
      await ground.sql(`ALTER DATABASE ${nameOf(url)} ALLOW_CONNECTIONS false`)
      return url
    },
    /accepts no connections/,
  ],
  ['no connection is left', () => after('ALTER DATABASE THIS CONNECTION LIMIT 0; GRANT CREATE ON SCHEMA public TO plain', 'plain'), /no connection left/],
  ['the encoding is ASCII', () => after('', 'postgres', "ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'"), /is encoded in SQL_ASCII.*ENCODING 'UTF8'/],
  ['the encoding is Latin 1', () => after('', 'postgres', "ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'"), /is encoded in LATIN1/],
  ['there is no schema public', () => after('DROP SCHEMA public'), /has no schema public.*CREATE SCHEMA public/],
  [
    'it may not use public',
    () => after('REVOKE ALL ON SCHEMA public FROM PUBLIC', 'plain'),
    /may not use the schema public.*GRANT USAGE, CREATE ON SCHEMA public TO plain/,
  ],
  [
    'it may make nothing in public',
    () => after('REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO plain', 'plain'),
    /may not make tables in the schema public.*GRANT USAGE, CREATE/,
  ],
  [
    'the database has another search_path',
    () => after('CREATE SCHEMA other; ALTER DATABASE THIS SET search_path TO other, public'),
    /search_path .*\(other\).*ALTER ROLE postgres IN DATABASE start_\w+ SET search_path TO public/,
  ],
  [
    'the role has a schema of its own',
    () => after('CREATE SCHEMA plain AUTHORIZATION plain; GRANT ALL ON SCHEMA public TO plain', 'plain'),
    /search_path .*\(plain\)/,
  ],
  [
    'the URL has another search_path',
    async () => withParameter(await after('CREATE SCHEMA other'), 'options', '-c search_path=other'),
    /search_path .*options of DATABASE_URL/,
  ],
  ['search_path leads nowhere', () => after('ALTER DATABASE THIS SET search_path TO absent'), /search_path .*\(in no schema\)/],
  [
    'a table of somebody else is there',
    () => after('CREATE TABLE customer (id int)'),
    /tables of another program in the schema public, such as customer\..*CREATE DATABASE/,
  ],
  ['a view of somebody else is there', () => after('CREATE VIEW customers AS SELECT 1 AS id'), /such as customers\./],
  [
    'another program has migrated it with Prisma',
    () => after(`${othersTable}; ${future('20200101000000_theirs')}`),
    /belongs to another program.*20200101000000_theirs/,
  ],
  [
    'the database is read-only',
    () => after('ALTER DATABASE THIS SET default_transaction_read_only TO on'),
    /is read-only for the role postgres.*default_transaction_read_only/,
  ],
  [
    'a type of the same name is there',
    () => after(`CREATE TYPE "OrphanReason" AS ENUM ('X')`),
    /^aura-keys could not start: The migration 20261123000000_init failed, and nothing of it is in the database\. .*about OrphanReason, with SQLSTATE 42710/,
  ],
]

for (const [what, urlOf, sentence] of refusals) {
  test(`IN-06 ${what}: one sentence says so, and nothing was made`, async () => {
    const url = await urlOf()
    const ended = await ground.migrate(url)
    expect(ended).toMatchObject({ code: 1, printed: expect.stringMatching(sentence) })
    expect(ended.printed.trim().split('\n')).toHaveLength(1)
    expect(ended.printed).not.toMatch(/hunter2|postgresql:/)
    const [there] = await ground.sql<{ may: boolean }>(`SELECT datallowconn AS may FROM pg_database WHERE datname = '${nameOf(url)}'`)
    if (!there?.may) return
    const made = await ground.sql("SELECT relname FROM pg_class WHERE relname IN ('organization', 'api_key')", url)
    expect(made).toEqual([])
  })
}

test('IN-07 a database of a newer version is refused, unless what it has more is marked compatible', async () => {
  const url = await ground.database()
  expect(await ground.migrate(url)).toMatchObject({ code: 0 })
  await ground.sql(future('29990101000000_more_compatible'), url)
  expect(await ground.migrate(url)).toEqual({ code: 0, printed: 'Nothing to apply.\n' })
  await ground.sql(future('29990102000000_other'), url)
  const ended = await ground.migrate(url)
  expect(ended).toMatchObject({
    code: 1,
    printed: expect.stringMatching(/^The database was migrated by a newer version of aura-keys, by 29990102000000_other, which.*Upgrade/),
  })
  await ground.sql("UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name LIKE '%_other'", url)
  expect((await ground.migrate(url)).code).toBe(0)
})

test('IN-07 tables of an extension are nobody else’s, and other schemas are left alone', async () => {
  const url = await after('CREATE SCHEMA other; CREATE TABLE other.customer (id int); CREATE EXTENSION pg_stat_statements')
  expect(await ground.migrate(url)).toMatchObject({ code: 0, printed: expect.stringMatching(/^Applied:/) })
})
