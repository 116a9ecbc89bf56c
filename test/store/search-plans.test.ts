import { beforeAll, expect, test } from 'vitest'
import { matchingText } from '../../src/graphql/search.ts'
import { type ApiKeyOrder, ApiKeysDocument, AppDocument, AppKeysDocument, InstanceKeysDocument, MembersDocument } from '../generated/operations.ts'
import { serverOfFile } from '../support/file-server.ts'
import { recordStatements, rowsRead } from '../support/plans.ts'
import { seedWide } from '../support/seed-wide.ts'
import { dataOf } from '../support/server.ts'

const onPostgres = process.env['TEST_STORE'] === 'postgresql'
const server = await serverOfFile()
const recorded = recordStatements(server)
const keys = 60_000
const zero = '0'.repeat(26)

beforeAll(async () => {
  await seedWide(server, { keys, organizations: 1 })
  // Names of the other scripts and forms; they are rare.
  await server.sql(
    `WITH named AS (UPDATE api_key SET name = v.name FROM (VALUES (11, 'Ленинград'), (2222, '東京都庁'), (33333, '--- + ---'), (44444, 'Ölfaß')) v(n, name)
      WHERE id = 'key_' || lpad(v.n::text, 26, '0') RETURNING 1) SELECT * FROM named`,
  )
  await server.app.sweep()
  await server.app.database.client.$executeRawUnsafe('VACUUM ANALYZE')
}, 400_000)

const by = { subject: 'member-0', organization: 'seed-1' }

/** The statements of one search, with how many rows of large tables each reads. */
async function readOf(search: () => Promise<unknown>): Promise<{ sql: string; rows: number }[]> {
  recorded.take()
  await search()
  const statements = recorded.take().filter(({ sql }) => /"(folded|trigrams)"/.test(sql))
  expect(statements.length).toBeGreaterThan(0)
  return Promise.all(statements.map(async (statement) => ({ sql: statement.sql, rows: await rowsRead(server, statement, true) })))
}

const orders: ApiKeyOrder[] = ['CREATED_AT_DESC', 'CREATED_AT_ASC', 'NAME_ASC', 'EXPIRES_AT_ASC', 'LAST_USED_AT_DESC']
// Three of them are of other characters, any of which could be taken for a letter of a word that most keys have.
const texts = [
  '上丄丘',
  '"\' ',
  '-est',
  'ab12cd',
  'no such key',
  'zzzzzz',
  'ленин',
  'ЛЕНИНГРАД',
  '京都',
  '東京都',
  '--- +',
  'ÖLFASS',
  'ß',
  'ab',
  'ke',
  'k',
  'key-',
  'a1b',
]

for (const orderBy of orders) {
  test(`a search of keys, ${orderBy}, reads few of them, however rare or frequent the text is`, async () => {
    // By last use, a copy as small as this is read whole for a text that one key in a hundred has; a million keys are not.
    for (const search of orderBy === 'LAST_USED_AT_DESC' ? texts.filter((text) => text !== 'a1b') : texts) {
      const read = await readOf(async () => dataOf(await server.graphql(ApiKeysDocument, { filter: { search }, orderBy }, by)))
      for (const { sql, rows } of read) {
        // Counting stops at 10,000, and reads what it counts.
        const most = /COUNT\(/i.test(sql) ? 10_100 : 6_000
        expect([search, sql, rows, rows <= most]).toEqual([search, sql, rows, true])
      }
    }
  })
}

test('a text that many names have, but none near the beginning of the order, is not walked to', async () => {
  // A name in sixteen, all at the end by name.
  const read = await readOf(async () => dataOf(await server.graphql(ApiKeysDocument, { filter: { search: 'key-f' }, orderBy: 'NAME_ASC' }, by)))
  const pages = read.filter(({ sql }) => !/COUNT\(/i.test(sql))
  expect(pages).toHaveLength(1)
  for (const { sql, rows } of pages) expect([sql, rows, rows <= 6_000]).toEqual([sql, rows, true])
})

test('a search within an app, an instance, instances and members reads few rows', async () => {
  const [app, instance] = ['app-0', `ins_${zero}`]
  for (const search of ['ab12cd', 'no such key', 'ленин', 'ab']) {
    const filter = { search }
    const reads = [
      ...(await readOf(async () => dataOf(await server.graphql(AppKeysDocument, { slug: app, filter }, by)))),
      ...(await readOf(async () => dataOf(await server.graphql(InstanceKeysDocument, { id: instance, filter }, by)))),
      ...(await readOf(async () => dataOf(await server.graphql(AppDocument, { slug: app, filter }, by)))),
      ...(await readOf(async () => dataOf(await server.graphql(MembersDocument, { filter }, by)))),
    ]
    for (const { sql, rows } of reads) expect([search, sql, rows, rows <= 1_000]).toEqual([search, sql, rows, true])
  }
})

test('a search is planned for its text, not once for all', async () => {
  if (!onPostgres) return
  const { client } = server.app.database
  // Over the connection that is asked below.
  const read = (where: object): Promise<object[]> => client.apiKey.findMany({ where, take: 1, select: { id: true } })
  await read({ name: 'none' })
  for (const text of ['ab12cd', 'ab', 'a-b']) await read(matchingText(text))
  const prepared = await server.sql<{ statement: string }>('SELECT statement FROM pg_prepared_statements WHERE statement LIKE $1', 'SELECT%"api_key"%')
  expect(prepared.length).toBeGreaterThan(0)
  expect(prepared.filter(({ statement }) => /"(folded|trigrams)"/.test(statement))).toEqual([])
})
