import type { GraphQLResolveInfo } from 'graphql'
import { keysIn, type Scope } from '../access/scope.ts'
import { builder, type Total } from '../graphql/builder.ts'
import { connectionOf, countedConnection, exactly, queryOfRows, rowsOfIds, upTo } from '../graphql/connections.ts'
import type { Context } from '../graphql/context.ts'
import type { NodeRow } from '../graphql/node-types.ts'
import { byDate, byName, type Keyset, type KeysetOrder, keyset, type PageArguments } from '../graphql/pages.ts'
import { matchingText } from '../graphql/search.ts'
import type { Prisma } from '../store/client.ts'
import { countable, firstUse } from './model.ts'
import { ApiKey, ApiKeyStatusEnum, costOfKeys, isByIds, orderedInRows } from './schema.ts'
import { countLimit } from './store.ts'

/** The columns that the orders read, each its own. */
interface SortableKey {
  id: string
  name: string
  createdAt: Date
  expiresAt: Date
  use: { lastUsedAt: Date } | null
}

/** By last use, one row per key; `on` gives the path to it from the listed row. */
const byLastUse = (on: (part: object) => object, unique: string): KeysetOrder<SortableKey> => {
  const date = byDate('LAST_USED_AT_DESC', 'lastUsedAt', 'desc')
  return {
    ...date,
    unique,
    value: ({ use }) => (use?.lastUsedAt ?? firstUse).toISOString(),
    orderBy: (way) => on(date.orderBy(way)),
    beyond: (operator, value) => on(date.beyond(operator, value)),
    equal: (value) => on(date.equal(value)),
  }
}

const rowsByLastUse = byLastUse((part) => part, 'keyId')

const lastUse = { use: { select: { lastUsedAt: true } } }

/** `reads`: what a row needs for its place in the order. */
const orders = {
  CREATED_AT_DESC: { description: 'Newest first.', order: byDate('CREATED_AT_DESC', 'createdAt', 'desc'), reads: { createdAt: true } },
  CREATED_AT_ASC: { description: 'Oldest first.', order: byDate('CREATED_AT_ASC', 'createdAt', 'asc'), reads: { createdAt: true } },
  NAME_ASC: { description: 'By name, in the order of code points.', order: byName, reads: { name: true } },
  EXPIRES_AT_ASC: { description: 'Soonest expiry first.', order: byDate('EXPIRES_AT_ASC', 'expiresAt', 'asc'), reads: { expiresAt: true } },
  LAST_USED_AT_DESC: {
    description: 'Last used first; never used keys last, newest first.',
    order: byLastUse((part) => ({ use: part }), 'id'),
    reads: lastUse,
  },
} satisfies Record<string, { description: string; order: KeysetOrder<SortableKey>; reads: object }>

const ApiKeyOrder = builder.enumType('ApiKeyOrder', {
  description: 'The order of a list of keys.',
  values: Object.fromEntries(Object.entries(orders).map(([name, { description }]) => [name, { description }])) as Record<
    keyof typeof orders,
    { description: string }
  >,
})

const ApiKeyFilter = builder.inputType('ApiKeyFilter', {
  description: 'Which keys. An omitted or null member means no restriction; an empty list of statuses matches nothing.',
  fields: (t) => ({
    status: t.field({ type: [ApiKeyStatusEnum], description: 'Any of these.' }),
    appId: t.id({ description: 'Keys of this app.' }),
    instanceId: t.id({ description: 'Keys of this instance.' }),
    createdById: t.id({ description: 'Keys that this member created.' }),
    search: t.string({ description: 'Part of the name or of the hint, or the beginning of the name if it has fewer than three characters; case ignored.' }),
    expiresBefore: t.field({ type: 'DateTime', description: 'Keys that expire before then.' }),
    unusedSince: t.field({ type: 'DateTime', description: 'Keys not used since then, or never used.' }),
  }),
})

interface ListArguments extends PageArguments {
  filter?: typeof ApiKeyFilter.$inferInput | null | undefined
  orderBy?: keyof typeof orders | null | undefined
}

/** What each member of the filter says. */
const conditionsOf = ({ status, appId, instanceId, createdById, search, expiresBefore, unusedSince }: typeof ApiKeyFilter.$inferInput) => ({
  ...(status && { status: { status: { in: status } } }),
  ...(appId != null && { appId: { appId } }),
  ...(instanceId != null && { instanceId: { instanceId } }),
  ...(createdById != null && { createdById: { createdById } }),
  ...(search && { search: matchingText(search) }),
  ...(expiresBefore && { expiry: { expiresAt: { lt: expiresBefore } } }),
  ...(unusedSince && { use: { use: { lastUsedAt: { lt: unusedSince > firstUse ? unusedSince : firstUse } } } }),
})

const matching = ({ filter }: ListArguments): Prisma.ApiKeyWhereInput => ({ AND: Object.values(conditionsOf(filter ?? {})) })

const orderOf = (list: ListArguments): KeysetOrder<SortableKey> => orders[list.orderBy ?? 'CREATED_AT_DESC'].order
type Sortable = { readonly [Column in keyof SortableKey]: Column extends 'use' ? { readonly select: { readonly lastUsedAt: true } } : true }
/** What the order reads; typed as if it were all that orders can read. */
const sortable = ({ orderBy }: ListArguments): Sortable => ({ id: true, ...orders[orderBy ?? 'CREATED_AT_DESC'].reads }) as unknown as Sortable

const pageOf = (list: ListArguments, { scope, ports }: Context, order = orderOf(list)): Keyset<SortableKey> =>
  keyset<SortableKey>(list, order, ports.cursors, `keys:${scope.organizationId}`)

const selectionOf = (list: ListArguments, context: Context, info: GraphQLResolveInfo) => queryOfRows(context, info, 'ApiKey', sortable(list))
type Query = ReturnType<typeof selectionOf>

async function pageByKey(list: ListArguments, context: Context, query: Query): Promise<SortableKey[]> {
  const { where, orderBy, take } = pageOf(list, context).query
  const page = { where: { AND: [where, matching(list)] }, orderBy: orderBy as Prisma.ApiKeyOrderByWithRelationInput[], take }
  return (await context.ports.keys.page(query, context.scope, page)) as (NodeRow<'key'> & SortableKey)[]
}

const isByUse = (list: ListArguments): boolean => list.orderBy === 'LAST_USED_AT_DESC'

/**
 * The conditions that the index of an order begins with, or is about. Orders of creation have several indexes: that of the narrowest, alone, since
 * with the organization beside it the database may take the index of that one.
 */
function alongOrder({ filter, orderBy }: ListArguments, { organizationId }: Scope, within: Prisma.ApiKeyWhereInput): Prisma.ApiKeyWhereInput {
  const { instanceId, appId, status, expiry } = conditionsOf(filter ?? {})
  if (orderBy === 'EXPIRES_AT_ASC') return { organizationId, ...expiry }
  if (!orderedInRows.includes(orderBy ?? 'CREATED_AT_DESC')) return { organizationId }
  const owner = instanceId ?? (Object.keys(within).length > 0 ? within : appId)
  return owner ?? { organizationId, ...(status?.status.in.length === 1 && status) }
}

function pageByIds(list: ListArguments, context: Context, query: Query, within: Prisma.ApiKeyWhereInput = {}): Promise<SortableKey[]> {
  const { scope, ports } = context
  const matches = { AND: [within, matching(list)] }
  const read = (): Promise<string[]> => {
    if (!isByUse(list)) return ports.keys.idsFound(scope, { ...pageOf(list, context).query, along: alongOrder(list, scope, within), matching: matches })
    const page = { ...pageOf(list, context, rowsByLastUse).query, matching: matches }
    if (!list.filter?.search) return ports.keys.idsByUse(scope, page)
    return ports.keys.idsFoundByUse(scope, { ...page, along: { organizationId: scope.organizationId, ...conditionsOf(list.filter).use?.use } })
  }
  return rowsOfIds(context, 'key', query, read)
}

const statuses = ['ACTIVE', 'EXPIRED', 'ORPHANED', 'REVOKED'] as const
const columns = { ACTIVE: 'active', EXPIRED: 'expired', ORPHANED: 'orphaned', REVOKED: 'revoked' } as const

/** How many keys match within the organization, an app or an instance: from the counters if the filter allows it, else counted up to a limit. */
async function totalOf({ filter }: ListArguments, { scope, ports, counts }: Context, subjectId: string, within: Prisma.ApiKeyWhereInput): Promise<Total> {
  const counted = countable(filter, subjectId === scope.organizationId, subjectId)
  if (!counted) {
    const found = await ports.keys.count(scope, { AND: [within, matching({ filter })] })
    return upTo(countLimit, found)
  }
  const numbers = await counts.load(counted.narrower ?? subjectId)
  return exactly(numbers ? [...new Set(filter?.status ?? statuses)].reduce((sum, each) => sum + numbers[columns[each]], 0) : 0)
}

const ApiKeyConnection = countedConnection(
  ApiKey,
  'ApiKey',
  {
    page: 'A page of keys.',
    row: 'A key in a page.',
    total: 'How many match in all, exactly those that the viewer may see. Filters on more than status, app and instance stop counting at 10,000.',
  },
  true,
)

builder.objectField(ApiKeyConnection, 'version', (t) =>
  t.field({
    type: 'Version',
    description: "The organization's version, read before the rows: pass it to apiKeyChanged(after:) to continue from there.",
    resolve: (_page, _arguments, { actor }) => actor.organizationVersion,
  }),
)

const listArguments = {
  ...builder.args((t) => ({
    filter: t.field({ type: ApiKeyFilter, description: 'Which keys.' }),
    orderBy: t.field({ type: ApiKeyOrder, defaultValue: 'CREATED_AT_DESC', description: 'The order.' }),
  })),
}

const connection = (rows: readonly SortableKey[], list: ListArguments, context: Context, subjectId: string, within: Prisma.ApiKeyWhereInput) =>
  connectionOf(pageOf(list, context), rows, () => totalOf(list, context, subjectId, within))

builder.queryFields((t) => ({
  apiKeys: t.field({
    type: ApiKeyConnection,
    description: 'The keys that the viewer may see. Without a filter: of every status.',
    extensions: costOfKeys('Query'),
    args: { ...listArguments, ...t.arg.connectionArgs() },
    resolve: async (_root, list, context, info) => {
      const query = selectionOf(list, context, info)
      const rows = await (isByIds(list, 'Query') ? pageByIds : pageByKey)(list, context, query)
      return connection(rows, list, context, context.scope.organizationId, {})
    },
  }),
  apiKey: t.prismaField({
    type: ApiKey,
    nullable: true,
    description: 'The key with this id; null when the viewer may see none.',
    args: { id: t.arg.id({ required: true, description: 'An id `key_…`.' }) },
    resolve: (query, _root, { id }, { rows }) => rows.load('key', query, id),
  }),
}))

const ofApp = (id: string) => ({ appId: id })
const ofInstance = (id: string) => ({ instanceId: id })
for (const [type, within] of [
  ['App', ofApp],
  ['AppInstance', ofInstance],
] as const) {
  builder.prismaObjectField(type, 'apiKeys', (t) =>
    t.field({
      type: ApiKeyConnection,
      description: 'Its keys that the viewer may see. Without a filter: of every status.',
      extensions: costOfKeys(type),
      args: { ...listArguments, ...t.arg.connectionArgs() },
      select: (list, context, nestedSelection) => {
        // As a join, the order of last use would produce every key before the page is cut: it is read separately, as for the organization.
        const { where, orderBy, take } = pageOf(list, context).query
        const query = { where: { AND: [keysIn(context.scope), where, matching(list)] }, orderBy, take, select: sortable(list) }
        const keys = isByIds(list, type) ? null : nestedSelection(query, ['edges', 'node'])
        return { id: true, ...(keys && { keys }) } as { id: true; keys: NonNullable<typeof keys> }
      },
      resolve: async ({ id, keys }, list, context, info) => {
        const rows = isByIds(list, type) ? await pageByIds(list, context, selectionOf(list, context, info), within(id)) : keys
        return connection(rows, list, context, id, within(id))
      },
    }),
  )
}
