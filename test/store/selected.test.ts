import { expect, test } from 'vitest'
import { type Query, type Select, selected } from '../../src/store/selected.ts'
import { tableOf } from '../../src/store/tables.ts'
import { companyOfFile } from '../support/file-server.ts'
import { newSeed, seededRandom } from '../support/random.ts'

const { server, company } = await companyOfFile()

const models = ['Organization', 'Member', 'App', 'AppInstance', 'InstanceAccess', 'ApiKey', 'KeyUse', 'Event', 'Secret'] as const

/** Columns that make an order whole. */
const uniqueOf = (model: string): string[] =>
  ['memberId', 'instanceId', 'keyId', 'id'].filter((field) => tableOf(model).columns.has(field) && (field === 'id' || !tableOf(model).columns.has('id')))

function createQueryWriter(random: () => number) {
  const some = (chance = 0.5): boolean => random() < chance
  const where = (model: string): object => {
    const { columns } = tableOf(model)
    const conditions = [
      ...(columns.has('organizationId') && some(0.3) ? [{ organizationId: company.members.ownA.organizationId }] : []),
      ...(columns.has('createdAt') && some(0.3) ? [{ createdAt: { [some() ? 'lte' : 'gt']: server.time.now } }] : []),
      ...(columns.has('name') && some(0.3) ? [{ OR: [{ name: { gte: 'k' } }, { name: { lt: 'd' } }, { name: 'key 1' }] }] : []),
      ...(columns.has('version') && model === 'Event' && some(0.3) ? [{ version: { gt: 3n, lte: 12n } }] : []),
      ...(model === 'ApiKey' && some(0.4) ? [{ status: { in: some() ? ['ACTIVE', 'REVOKED'] : [] } }, { instance: { deletedAt: null } }] : []),
      ...(model === 'ApiKey' && some(0.2) ? [{ use: { lastUsedAt: { lt: server.time.now } } }] : []),
      ...(model === 'AppInstance' && some(0.4) ? [{ access: { some: { memberId: company.members.devA.memberId } } }] : []),
      ...(model === 'InstanceAccess' && some(0.4) ? [{ member: { name: { gt: 'd' } } }] : []),
      ...(model === 'Event' && some(0.2) ? [{ apiKey: { instance: { deletedAt: null } } }] : []),
    ]
    return some(0.2) ? {} : { AND: [...conditions, { AND: [] }] }
  }
  const queryOf = (model: string, depth: number): Query => ({
    where: where(model),
    orderBy: [
      ...(model === 'InstanceAccess' && some() ? [{ member: { name: some() ? 'asc' : 'desc' } }] : []),
      ...(tableOf(model).columns.has('createdAt') && some() ? [{ createdAt: some() ? 'asc' : 'desc' }] : []),
      ...uniqueOf(model).map((field) => ({ [field]: some() ? 'asc' : 'desc' })),
    ],
    ...(some() ? { take: Math.floor(random() * 4) } : {}),
    select: selectOf(model, depth),
  })
  const selectOf = (model: string, depth: number): Select => {
    const { columns, relations } = tableOf(model)
    const picked = [...columns].filter(([, type]) => type !== 'Bytes' && some()).map(([field]): [string, true] => [field, true])
    const below = [...relations].filter(([, { model: other }]) => depth > 0 && (models as readonly string[]).includes(other) && some(0.3))
    const nested = below.map(([field, relation]): [string, Query] => [
      field,
      relation.isMany ? queryOf(relation.model, depth - 1) : { select: selectOf(relation.model, depth - 1) },
    ])
    return Object.fromEntries([...uniqueOf(model).map((field): [string, true] => [field, true]), ...picked, ...nested])
  }
  return (model: string): Query => queryOf(model, 3)
}

const seed = Number(process.env['SELECTED_SEED'] ?? newSeed())

test(`what a selection reads is what Prisma reads (seed ${seed})`, async () => {
  const { database } = server.app
  for (let index = 0; index < 8; index++) await company.createKey(index % 2 === 0 ? 'devA' : 'ownA', company.I1, `key ${index % 3}`)
  await company.createKey('ownB', company.J1)
  const random = seededRandom(seed)
  const write = createQueryWriter(random)
  let rows = 0
  for (let tried = 0; tried < 200; tried++) {
    const model = models[Math.floor(random() * models.length)] as (typeof models)[number]
    const query = write(model)
    const delegate = database.client[`${model[0]?.toLowerCase()}${model.slice(1)}` as 'apiKey']
    const expected = await delegate.findMany(query as object)
    expect(
      await selected(database, model, query),
      `${model} ${JSON.stringify(query, (_, value) => (typeof value === 'bigint' ? Number(value) : value))}`,
    ).toEqual(expected)
    rows += expected.length
  }
  expect(rows).toBeGreaterThan(200)
})

test('instances of a member with many grants are read as those of one with few', async () => {
  const { database } = server.app
  const { memberId, organizationId } = company.members.devB
  const access = { some: { memberId } }
  const seen = { OR: [{ deletedAt: null, access }, { id: { in: [company.I2] } }] }
  const list = { where: { AND: [{ organizationId: company.members.ownA.organizationId }, seen] }, orderBy: [{ id: 'asc' }] }
  const query = { select: { id: true, instances: { ...list, select: { id: true, name: true }, take: 530 } }, orderBy: [{ id: 'asc' }] }
  expect(organizationId).not.toBe(company.members.ownA.organizationId)
  for (const grants of [0, 1, 499, 500, 501, 550]) {
    await server.sql(
      `WITH made AS (
        INSERT INTO app_instance (id, organization_id, app_id, name, status, created_by_id, created_at)
        SELECT 'ins_' || lpad(n::text, 26, '0'), $1, $2, 'x', 'ACTIVE', $3, now() FROM generate_series(1, $4) n ON CONFLICT DO NOTHING
      ) SELECT 1`,
      company.members.ownA.organizationId,
      company.appId,
      company.members.ownA.memberId,
      grants,
    )
    await server.sql(
      `WITH given AS (
        INSERT INTO instance_access (instance_id, member_id, role) SELECT 'ins_' || lpad(n::text, 26, '0'), $1, 'USER' FROM generate_series(1, $2) n ON CONFLICT DO NOTHING
      ) SELECT 1`,
      memberId,
      grants,
    )
    const expected = await database.client.app.findMany(query as object)
    expect(await selected(database, 'App', query as Query)).toEqual(expected)
    const found = (expected as unknown as { instances: unknown[] }[]).flatMap(({ instances }) => instances)
    expect(found).toHaveLength(Math.min(grants + 1, 530))
  }
})

test('a column that is never read, and what is no column, cannot be selected', async () => {
  const { database } = server.app
  await expect(selected(database, 'Secret', { select: { sealed: true } })).rejects.toThrow('sealed of Secret cannot be selected')
  await expect(selected(database, 'ApiKey', { select: { "id', (SELECT 1), '": true } })).rejects.toThrow('cannot be selected')
  await expect(selected(database, 'ApiKey', { select: { nothing: { select: { id: true } } } })).rejects.toThrow('no nothing of ApiKey')
})
