import { queryFromInfo } from '@pothos/plugin-prisma'
import { builder } from '../graphql/builder.ts'
import { type Keyset, type KeysetOrder, keyset, type PageArguments } from '../graphql/pages.ts'
import { cost, isFiltered, pageRows } from '../graphql/price.ts'
import type { Prisma } from '../store/client.ts'
import { Event, EventKindEnum } from './schema.ts'
import { countLimit } from './store.ts'

const AuditLogFilter = builder.inputType('AuditLogFilter', {
  description: 'Which entries; an omitted or null member means no restriction.',
  fields: (t) => ({
    kinds: t.field({ type: [EventKindEnum], description: 'Any of these; an empty list matches nothing.' }),
    actorId: t.id({ description: 'What this member did.' }),
    apiKeyId: t.id({ description: 'What concerned this key.' }),
    instanceId: t.id({ description: 'What concerned this instance or its keys.' }),
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

interface EventPage extends ReturnType<Keyset<Row>['connect']> {
  /** How many match, at most one above `countLimit`. */
  count: () => Promise<number>
}

const EventConnection = builder.connectionObject(
  {
    type: Event,
    name: 'EventConnection',
    description: 'A page of the audit log.',
    fields: (t) => ({
      totalCount: t.int({
        description: 'How many match in all; counting stops at 10,000.',
        resolve: async (page) => Math.min(await (page as unknown as EventPage).count(), countLimit),
      }),
      totalCountIsExact: t.boolean({
        description: 'False: there are more than totalCount says.',
        resolve: async (page) => (await (page as unknown as EventPage).count()) <= countLimit,
      }),
    }),
  },
  { name: 'EventEdge', description: 'An entry in a page.' },
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
    args: {
      filter: t.arg({ type: AuditLogFilter, description: 'Which entries.' }),
      first: t.arg.int({ description: 'How many, 0 to 100; 20 unless given.' }),
      after: t.arg.string({ description: 'Only entries after this cursor, that is older ones.' }),
    },
    resolve: async (_root, list, context, info) => {
      const { ports, scope } = context
      const page = keyset<Row>(list, newestFirst, ports.cursors, `events:${scope.organizationId}`)
      const { where, orderBy, take } = page.query
      const query = queryFromInfo({ context, info, typeName: 'Event', path: ['edges', 'node'], select: { id: true, version: true } })
      const rows = await ports.events.page(query as { select: Prisma.EventSelect }, scope, { where: { AND: [where, matching(list)] }, orderBy, take })
      let count: Promise<number> | null = null
      const order = list.filter?.since || list.filter?.until ? 'occurredAt' : 'version'
      const answer: EventPage = { ...page.connect(rows as unknown as Row[]), count: () => (count ??= ports.events.count(scope, matching(list), order)) }
      return answer as never
    },
  }),
)
