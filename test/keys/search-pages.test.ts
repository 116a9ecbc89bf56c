import { beforeAll, expect, test } from 'vitest'
import { fold } from '../../src/folding.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import type { ApiKeyFilter, ApiKeyOrder } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { newSeed, seededRandom } from '../support/random.ts'
import { dataOf, type GraphQLAnswer } from '../support/server.ts'

const { server, company } = await companyOfFile()
const organization = company.members.ownA.organizationId
const seed = newSeed()
const random = seededRandom(seed)
const upTo = (most: number): number => Math.floor(random() * (most + 1))
const oneOf = <Value>(values: readonly Value[]): Value => values[upTo(values.length - 1)] as Value

interface Key {
  id: string
  name: string
  folded: string
  status: 'ACTIVE' | 'EXPIRED' | 'ORPHANED' | 'REVOKED'
  app: string
  instance: string
  creator: string
  created: Date
  expires: Date
  used: Date
}

/** More than a search walks through, of few moments and few names, so that every order is decided by what comes last in it. */
const count = 6_000
const day = 86_400_000
const words = ['alpha', 'beta', 'gamma', 'Omega', 'Straße', 'a-b', '50%_', 'ключ']
let keys: Key[] = []

beforeAll(async () => {
  await setInstanceAccess(server.app.ports, company.members.ownA, { instanceId: company.I2, memberId: company.members.dev2A.memberId, role: 'USER' })
  // In each order what has a word near its end stands far from its beginning: "last" is in the last sixth by name, by creation and by end.
  await server.sql(
    `WITH made AS (INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at, revoked_at, revoked_by_id, expired_at)
      SELECT 'key_' || substr(md5(n::text), 1, 26), $1, i.app_id, i.id, $2,
        CASE WHEN n > $3 * 5 / 6 THEN 'z-last ' ELSE '' END || ($4::text[])[1 + n % 8] || ' ' || n % 90, 'aura_' || substr(md5('h' || n), 1, 4) || '…' || substr(md5('h' || n), 5, 4),
        $5::timestamptz - (400 - n / 40) * interval '1 day', $5::timestamptz + (n / 50 + 1) * interval '1 day',
        CASE WHEN n % 10 = 0 THEN $5::timestamptz END, CASE WHEN n % 10 = 0 THEN $2 END, CASE WHEN n % 7 = 0 THEN $5::timestamptz END
      FROM generate_series(1, $3::int) n JOIN app_instance i ON i.id = CASE WHEN n % 15 = 0 THEN $6 ELSE $7 END RETURNING 1) SELECT count(*) FROM made`,
    organization,
    company.members.ownA.memberId,
    count,
    words,
    server.time.now,
    company.I1,
    company.I2,
  )
  await server.sql(`WITH used AS (UPDATE key_use u SET last_used_at = k.created_at + interval '1 day' FROM api_key k WHERE k.id = u.key_id AND k.id < 'key_5' RETURNING 1)
    SELECT count(*) FROM used`)
  while ((await server.sql('SELECT 1 FROM unfolded')).length > 0) await server.app.sweep()
  keys = await server.sql<Key>(
    `SELECT id, name, folded, status::text AS status, app_id AS app, instance_id AS instance, created_by_id AS creator, created_at AS created,
      expires_at AS expires, last_used_at AS used FROM api_key JOIN key_use ON key_id = id WHERE api_key.organization_id = $1`,
    organization,
  )
  expect(keys).toHaveLength(count)
  await server.app.database.client.$executeRawUnsafe('ANALYZE')
}, 120_000)

interface Case {
  by: 'ownA' | 'dev2A' | 'devA'
  list: 'all' | 'app' | 'instance'
  filter: ApiKeyFilter & { search: string }
  orderBy: ApiKeyOrder
  page: { first?: number; last?: number }
  /** Which of the rows in order the cursors are of. */
  at: { after?: number; before?: number }
}

const columns = { CREATED_AT_DESC: 'created', CREATED_AT_ASC: 'created', NAME_ASC: 'name', EXPIRES_AT_ASC: 'expires', LAST_USED_AT_DESC: 'used' } as const
const orders = Object.keys(columns) as ApiKeyOrder[]
const texts = [
  'z-last',
  'z-last',
  'last',
  'last',
  'alpha',
  'A-B',
  '50%',
  '0%_ 7',
  'STRASSE',
  'КЛЮЧ 8',
  'key',
  'z',
  'ga',
  'ß',
  '%',
  'omega 4',
  'aura_',
  'nothing such',
]

const partOf = ({ name }: Key): string => {
  const characters = Array.from(name)
  const from = upTo(characters.length - 1)
  return characters.slice(from, from + 1 + upTo(5)).join('')
}

function randomCase(): Case {
  const moment = (): string => new Date(server.time.now.getTime() + (upTo(500) - 400) * day).toISOString()
  const size = upTo(oneOf([3, 20, 100]))
  return {
    by: oneOf(['ownA', 'ownA', 'devA', 'dev2A']),
    list: oneOf(['all', 'all', 'app', 'instance']),
    filter: {
      search: oneOf([oneOf(texts), partOf(oneOf(keys))]).trim() || 'z',
      ...(random() < 0.3 && { status: [oneOf(['ACTIVE', 'EXPIRED', 'REVOKED'] as const), ...(random() < 0.3 ? ['EXPIRED' as const] : [])] }),
      ...(random() < 0.2 && { instanceId: oneOf([company.I1, company.I2]) }),
      ...(random() < 0.2 && { appId: company.appId }),
      ...(random() < 0.1 && { createdById: company.members.ownA.memberId }),
      ...(random() < 0.2 && { expiresBefore: moment() }),
      ...(random() < 0.2 && { unusedSince: moment() }),
    },
    orderBy: oneOf(orders),
    page: random() < 0.5 ? { first: size } : { last: size },
    at: oneOf([{}, { after: upTo(count - 1) }, { before: upTo(count - 1) }]),
  }
}

const sees = { ownA: () => true, devA: ({ instance }: Key) => instance === company.I1, dev2A: () => true }

/** What the filter says, in the plain form; `search`: is the text anywhere, or does the name begin with it. */
function matches(key: Key, { by, list, filter }: Case): boolean {
  const text = fold(filter.search)
  const [lower, from] = [filter.unusedSince as string | undefined, filter.expiresBefore as string | undefined]
  return (
    sees[by](key) &&
    (list === 'instance' ? key.instance === company.I1 : true) &&
    (Array.from(text).length < 3 ? key.folded.startsWith(text) : key.folded.includes(text)) &&
    (filter.status?.includes(key.status) ?? true) &&
    (filter.instanceId == null || filter.instanceId === key.instance) &&
    (filter.appId == null || filter.appId === key.app) &&
    (filter.createdById == null || filter.createdById === key.creator) &&
    (from === undefined || key.expires.toISOString() < from) &&
    (lower === undefined || key.used.getTime() < Math.max(Date.parse(lower), 0))
  )
}

/** All rows in an order, sorted without the database: by code units, as all of them are in the first plane. */
function inOrder(orderBy: ApiKeyOrder): Key[] {
  const column = columns[orderBy]
  const value = (key: Key): string | number => (column === 'name' ? key.name : key[column].getTime())
  const [less, more] = orderBy.endsWith('DESC') ? [1, -1] : [-1, 1]
  return [...keys].sort((a, b) => (value(a) === value(b) ? (a.id < b.id ? less : more) : value(a) < value(b) ? less : more))
}

function expected(each: Case): { ids: string[]; hasNextPage: boolean; hasPreviousPage: boolean; total: number; walkedPerRow: number } {
  const rows = inOrder(each.orderBy)
  const { after, before } = each.at
  const open = rows
    .map((key, index) => ({ key, index }))
    .filter(({ index }) => (after === undefined || index > after) && (before === undefined || index < before))
  const { first, last } = each.page
  const found = (last === undefined ? open : open.toReversed()).map(({ key }, index) => ({ key, index })).filter(({ key }) => matches(key, each))
  const size = first ?? last ?? 0
  const page = found.slice(0, size)
  const ids = page.map(({ key }) => key.id)
  const more = found.length > size
  return {
    ids: last === undefined ? ids : ids.reverse(),
    hasNextPage: last === undefined ? more : before !== undefined,
    hasPreviousPage: last === undefined ? after !== undefined : more,
    total: keys.filter((key) => matches(key, each)).length,
    walkedPerRow: (found[size]?.index ?? Number.POSITIVE_INFINITY) / Math.max(size + 1, 20),
  }
}

interface Page {
  totalCount: number
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean }
  edges: { node: { id: string } }[]
}

const lists = { all: '#', app: 'app(slug: "functions") { # }', instance: `instance(id: "${company.I1}") { # }` } as const
const declared = '$filter: ApiKeyFilter, $orderBy: ApiKeyOrder, $first: Int, $after: String, $last: Int, $before: String'
const keysField = `apiKeys(${declared.replace(/: \w+/g, '').replace(/\$(\w+)/g, '$1: $$$1')}) { totalCount pageInfo { hasNextPage hasPreviousPage } edges { node { id } } }`

async function pageOf({ by, list, filter, orderBy, page, at }: Case): Promise<Page | undefined> {
  const column = columns[orderBy]
  const rows = inOrder(orderBy)
  const cursor = (index: number | undefined): string | undefined => {
    const key = index === undefined ? undefined : rows[index]
    if (!key) return undefined
    const value = key[column]
    return server.app.ports.cursors.seal(`keys:${organization}:${orderBy}`, [value instanceof Date ? value.toISOString() : value, key.id])
  }
  const query = `query (${declared}) { ${lists[list].replace('#', keysField)} }`
  const variables = { filter, orderBy, ...page, after: cursor(at.after), before: cursor(at.before) }
  const answer = (await (await server.post({ query, variables }, as(by))).json()) as GraphQLAnswer<{
    apiKeys?: Page
    app?: { apiKeys: Page }
    instance?: { apiKeys: Page }
  }>
  const data = dataOf(answer)
  return (data.app ?? data.instance ?? data).apiKeys
}

test('a page of keys that a text is searched in is that of the plain form: for any text, order, filter, cursor and scope', async () => {
  let [near, far] = [0, 0]
  for (let round = 0; round < 200; round++) {
    const each = randomCase()
    const { walkedPerRow, ...plain } = expected(each)
    const found = await pageOf(each)
    const { hasNextPage, hasPreviousPage } = found?.pageInfo ?? {}
    const ids = found?.edges.map(({ node }) => node.id)
    expect([seed, each, { ids, hasNextPage, hasPreviousPage, total: found?.totalCount }]).toEqual([seed, each, plain])
    if (walkedPerRow < 40) near++
    else if (walkedPerRow >= 100 && plain.ids.length > 0) far++
  }
  // Both ways are taken, and both find something.
  expect(near).toBeGreaterThan(10)
  expect(far).toBeGreaterThan(10)
}, 250_000)
