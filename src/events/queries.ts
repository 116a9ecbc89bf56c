import { builder } from '../graphql/builder.ts'
import { countedConnection, queryOfRows, readPage, upTo } from '../graphql/connections.ts'
import type { KeysetOrder, PageArguments } from '../graphql/pages.ts'
import { cost, isFiltered, pageRows } from '../graphql/price.ts'
import type { Prisma } from '../store/client.ts'
import { Event, EventKindEnum } from './schema.ts'
import { countLimit } from './store.ts'

const AuditLogFilter = builder.inputType('AuditLogFilter', {
  description: 'Which entries; an omitted or null member means no restriction.',
  fields: (t) => ({
    kinds: t.field({ type: [EventKindEnum], description: 'Any of these; an empty list matches nothing.' }),
    actorId: t.id({ description: 'Entries by this member.' }),
    apiKeyId: t.id({ description: 'Entries about this key.' }),
    instanceId: t.id({ description: 'Entries about this instance or its keys.' }),
    since: t.field({ type: 'DateTime', description: 'From then on.' }),
    until: t.field({ type: 'DateTime', description: 'Before then.' }),
  }),
})

type Row = { id: string; version: bigint }

/** Newest first: versions are the order of events, and unique in the organization. */
const newestFirst: KeysetOrder<Row> = {
  name: 'VERSION_DESC',
  direction: 'desc',
  value: (row) => String(row.version),
  orderBy: (way) => ({ version: way }),
  beyond: (operator, value) => ({ version: { [operator]: BigInt(value) } }),
  equal: (value) => ({ version: BigInt(value) }),
}

const EventConnection = countedConnection(
  Event,
  'Event',
  { page: 'A page of the audit log.', row: 'An entry in a page.', total: 'How many match in all; counting stops at 10,000.' },
  true,
)

interface ListArguments extends PageArguments {
  filter?: typeof AuditLogFilter.$inferInput | null | undefined
}

const matching = ({ filter }: ListArguments): Prisma.EventWhereInput => ({
  AND: [
    ...(filter?.kinds ? [{ kind: { in: filter.kinds } }] : []),
    ...(filter?.actorId != null ? [{ actorId: filter.actorId }] : []),
    ...(filter?.apiKeyId != null ? [{ apiKeyId: filter.apiKeyId }] : []),
    ...(filter?.instanceId != null ? [{ instanceId: filter.instanceId }] : []),
    ...(filter?.since ? [{ occurredAt: { gte: filter.since } }] : []),
    ...(filter?.until ? [{ occurredAt: { lt: filter.until } }] : []),
  ],
})

builder.queryField('auditLog', (t) =>
  t.field({
    type: EventConnection,
    nullable: true,
    description: 'Every change of the organization, newest first. For organization owners and Aura Owners.',
    extensions: cost((list, asks) => {
      const counts = asks.has('totalCount') || asks.has('totalCountIsExact') ? 1 : 0
      return { statements: 1 + counts, rows: pageRows(list), scans: counts + (isFiltered(list['filter']) ? 1 : 0) }
    }),
    args: { filter: t.arg({ type: AuditLogFilter, description: 'Which entries.' }), ...t.arg.connectionArgs() },
    resolve: (_root, list, context, info) => {
      const { ports, scope } = context
      const query = queryOfRows(context, info, 'Event', { id: true, version: true })
      const matches = matching(list)
      const found = list.filter?.since || list.filter?.until ? 'occurredAt' : 'version'
      return readPage(list, context, {
        name: 'events',
        order: newestFirst,
        read: ({ where, ...page }) => ports.events.page(query, scope, found, { where: { AND: [where, matches] }, ...page }),
        count: async () => upTo(countLimit, await ports.events.count(scope, matches, found)),
      })
    },
  }),
)
