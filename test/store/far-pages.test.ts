import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  ApiKeysDocument,
  AppDocument,
  AppKeysDocument,
  AuditLogDocument,
  InstanceAccessDocument,
  InstanceKeysDocument,
  MembersDocument,
  SecretsDocument,
} from '../generated/operations.ts'
import { recordStatements, rowsRead, timesRead } from '../support/plans.ts'
import { seedWide } from '../support/seed-wide.ts'
import { dataOf, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let recorded: ReturnType<typeof recordStatements>
const zero = '0'.repeat(26)
const organization = `org_${zero}`

beforeAll(async () => {
  server = await startServer()
  await seedWide(server, { keys: 30_000, organizations: 3 })
  recorded = recordStatements(server)
}, 120_000)
afterAll(() => server.close())

const [instance, app] = [`ins_${zero}`, `app_${zero}`]
const keys = `api_key WHERE organization_id = '${organization}'`

/** Lists, with the rows that they go through in their order: what a cursor holds of one, and where it comes from. */
const lists: [name: string, document: typeof ApiKeysDocument, variables: object, cursor: string, value: string, id: string, rows: string][] = [
  ['keys, newest first', ApiKeysDocument, {}, 'keys:CREATED_AT_DESC', 'created_at', 'id', `${keys} ORDER BY created_at DESC, id DESC`],
  ['keys, oldest first', ApiKeysDocument, { orderBy: 'CREATED_AT_ASC' }, 'keys:CREATED_AT_ASC', 'created_at', 'id', `${keys} ORDER BY created_at, id`],
  ['keys by name', ApiKeysDocument, { orderBy: 'NAME_ASC' }, 'keys:NAME_ASC', 'name', 'id', `${keys} ORDER BY name, id`],
  ['keys by their end', ApiKeysDocument, { orderBy: 'EXPIRES_AT_ASC' }, 'keys:EXPIRES_AT_ASC', 'expires_at', 'id', `${keys} ORDER BY expires_at, id`],
  [
    'keys, last used first',
    ApiKeysDocument,
    { orderBy: 'LAST_USED_AT_DESC' },
    'keys:LAST_USED_AT_DESC',
    'last_used_at',
    'key_id',
    `key_use WHERE organization_id = '${organization}' ORDER BY last_used_at DESC, key_id DESC`,
  ],
  [
    'active keys',
    ApiKeysDocument,
    { filter: { status: ['ACTIVE'] } },
    'keys:CREATED_AT_DESC',
    'created_at',
    'id',
    `${keys} AND status = 'ACTIVE' ORDER BY created_at DESC, id DESC`,
  ],
  [
    'keys that are found',
    ApiKeysDocument,
    { filter: { search: 'key-' } },
    'keys:CREATED_AT_DESC',
    'created_at',
    'id',
    `${keys} ORDER BY created_at DESC, id DESC`,
  ],
  [
    'keys that end before',
    ApiKeysDocument,
    { filter: { expiresBefore: '2099-01-01T00:00:00Z' } },
    'keys:CREATED_AT_DESC',
    'created_at',
    'id',
    `${keys} ORDER BY created_at DESC, id DESC`,
  ],
  [
    'keys that are unused',
    ApiKeysDocument,
    { filter: { unusedSince: '2099-01-01T00:00:00Z' } },
    'keys:CREATED_AT_DESC',
    'created_at',
    'id',
    `${keys} ORDER BY created_at DESC, id DESC`,
  ],
  [
    'keys of an app',
    AppKeysDocument as never,
    { slug: 'app-0' },
    'keys:CREATED_AT_DESC',
    'created_at',
    'id',
    `api_key WHERE app_id = '${app}' ORDER BY created_at DESC, id DESC`,
  ],
  [
    'keys of an instance',
    InstanceKeysDocument as never,
    { id: instance },
    'keys:CREATED_AT_DESC',
    'created_at',
    'id',
    `api_key WHERE instance_id = '${instance}' ORDER BY created_at DESC, id DESC`,
  ],
  [
    'instances of an app',
    AppDocument as never,
    { slug: 'app-0' },
    'instances:NAME_ASC',
    'name',
    'id',
    `app_instance WHERE app_id = '${app}' ORDER BY name, id`,
  ],
  [
    'roles on an instance',
    InstanceAccessDocument as never,
    { id: instance },
    'access:MEMBER_NAME_ASC',
    'm.name',
    'm.id',
    `instance_access a JOIN member m ON m.id = a.member_id WHERE a.instance_id = '${instance}' ORDER BY m.name, m.id`,
  ],
  ['members', MembersDocument as never, {}, 'members:NAME_ASC', 'name', 'id', `member WHERE organization_id = '${organization}' ORDER BY name, id`],
  [
    'secrets',
    SecretsDocument as never,
    {},
    'secrets:CREATED_AT_DESC',
    'created_at',
    'id',
    `secret WHERE organization_id = '${organization}' ORDER BY created_at DESC, id DESC`,
  ],
  [
    'the audit log',
    AuditLogDocument as never,
    {},
    'events:VERSION_DESC',
    'version',
    'id',
    `event WHERE organization_id = '${organization}' ORDER BY version DESC`,
  ],
  [
    'the audit log of a kind',
    AuditLogDocument as never,
    { filter: { kinds: ['API_KEY_CREATED'] } },
    'events:VERSION_DESC',
    'version',
    'id',
    `event WHERE organization_id = '${organization}' ORDER BY version DESC`,
  ],
]

for (const [name, document, variables, cursor, value, id, rows] of lists) {
  test(`${name}: a page far behind reads about as many rows as the first`, async () => {
    const [list, order] = cursor.split(':')
    const found = await server.sql<{ value: Date | string | bigint; id: string }>(`SELECT ${value} AS value, ${id} AS id FROM ${rows}`)
    expect(found.length).toBeGreaterThan(50)
    const at = found[Math.floor(found.length * 0.7)] as (typeof found)[number]
    const position = at.value instanceof Date ? at.value.toISOString() : String(at.value)
    const after = server.app.ports.cursors.seal(`${list}:${organization}:${order}`, [position, at.id])
    const read = async (more: object): Promise<number> => {
      recorded.take()
      const answer = dataOf(await server.graphql(document, { first: 10, ...variables, ...more } as never, { subject: 'member-0', organization: 'seed-1' }))
      const sent = recorded.take().filter(({ sql }) => /^\s*(SELECT|WITH)/.test(sql) && !/COUNT\(|JOIN key_count|"node"|"setting"/i.test(sql))
      expect(JSON.stringify(answer)).toContain('"hasNextPage":true')
      let sum = 0
      for (const statement of sent) sum += await rowsRead(server, statement)
      return sum
    }
    const [first, far] = [await read({}), await read({ after })]
    expect(first).toBeGreaterThan(9)
    expect([first, far, far < 3 * first]).toEqual([first, far, true])
    // Neither is cheap only in comparison. Roles stand in one table and the names that order them in another: all of one instance are read.
    expect(first).toBeLessThan(name === 'roles on an instance' ? 3 * found.length + 200 : 200)
  })
}

test('counting reads rows of one organization only, and no more than it takes to know that there are too many', async () => {
  const [keysOf, eventsOf] = await Promise.all(
    ['api_key', 'event'].map(async (table) => {
      const [row] = await server.sql<{ own: number; all: number }>(
        `SELECT count(*) FILTER (WHERE organization_id = $1)::int AS own, count(*)::int AS all FROM ${table}`,
        organization,
      )
      return row ?? { own: 0, all: 0 }
    }),
  )
  const counts: [document: typeof ApiKeysDocument, filter: object, most: number][] = [
    // The index of trigrams is that of all organizations: for a text that each key of this small copy has, it is as good as any other.
    [ApiKeysDocument, { search: 'key-' }, keysOf?.all ?? 0],
    ...[{ search: 'no such key' }, { expiresBefore: '2099-01-01T00:00:00Z' }, { expiresBefore: '2001-01-01T00:00:00Z' }].map(
      (filter) => [ApiKeysDocument, filter, keysOf?.own ?? 0] as [typeof ApiKeysDocument, object, number],
    ),
    // The side table of last uses has at most a row for each.
    [ApiKeysDocument, { unusedSince: '2099-01-01T00:00:00Z' }, 2 * (keysOf?.own ?? 0)],
    [AuditLogDocument as never, {}, eventsOf?.own ?? 0],
    [AuditLogDocument as never, { since: '2099-01-01T00:00:00Z' }, eventsOf?.own ?? 0],
    [AuditLogDocument as never, { until: '2099-01-01T00:00:00Z' }, eventsOf?.own ?? 0],
  ]
  expect([keysOf?.all, eventsOf?.all].every((all) => (all ?? 0) > 29_000)).toBe(true)
  for (const [document, filter, most] of counts) {
    recorded.take()
    dataOf(await server.graphql(document, { first: 0, filter } as never, { subject: 'member-0', organization: 'seed-1' }))
    const counting = recorded.take().filter(({ sql }) => /COUNT\(/i.test(sql))
    expect(counting).toHaveLength(1)
    for (const statement of counting) {
      const rows = await rowsRead(server, statement)
      expect([filter, most, rows, rows <= most + 100]).toEqual([filter, most, rows, true])
    }
  }
})

test('a statement that reads far more than it answers is noticed', async () => {
  const sql = `SELECT id FROM api_key WHERE organization_id = $1 AND hint = $2 ORDER BY created_at LIMIT 1`
  expect(await rowsRead(server, { sql, parameters: [organization, 'nothing'] })).toBeGreaterThan(9_000)
  expect(await rowsRead(server, { sql: 'SELECT id FROM api_key WHERE id = $1', parameters: [`key_${zero}`] })).toBe(1)
})

test('what the rows of a page belong to is found once for all of them, in tables of any size', async () => {
  const pages: [document: typeof ApiKeysDocument, variables: object, table: string][] = [
    [ApiKeysDocument, {}, 'member'],
    [ApiKeysDocument, {}, 'app_instance'],
    [InstanceKeysDocument as never, { id: instance }, 'member'],
    [AuditLogDocument as never, {}, 'member'],
    [SecretsDocument as never, {}, 'member'],
    [InstanceAccessDocument as never, { id: instance }, 'instance_access'],
  ]
  for (const [document, variables, table] of pages) {
    const times = async (first: number): Promise<number> => {
      recorded.take()
      dataOf(await server.graphql(document, { first, ...variables } as never, { subject: 'member-0', organization: 'seed-1' }))
      let sum = 0
      for (const statement of recorded.take().filter(({ sql }) => sql.includes('json_agg'))) sum += await timesRead(server, statement, table)
      return sum
    }
    const [few, many] = [await times(2), await times(11)]
    expect([table, few, many]).toEqual([table, few, few])
  }
})
