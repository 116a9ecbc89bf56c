import { keysIn, type Scope } from '../access/scope.ts'
import { newId } from '../ids.ts'
import { type Connection, Prisma } from '../store/client.ts'
import { counted, ofColumns, selected } from '../store/selected.ts'
import { keyEventKinds, type NewEvent, type RightsChange } from './model.ts'

/** What happened since a version. */
export interface Since {
  version: bigint
  occurredAt: Date | null
  changes: RightsChange[]
  /** Ids of apps and instances. */
  subjects: string[]
}

/** Counting stops here. */
export const countLimit = 10_000

/** Filter on events: for owners and Aura Owners of the organization, nobody else. */
const eventsIn = (scope: Scope) => (scope.all ? { organizationId: scope.organizationId } : { id: { in: [] } })

/** Further parts of a statement that begins with one. */
const together = (writes: readonly Prisma.Sql[]): Prisma.Sql =>
  Prisma.join([Prisma.empty, ...writes.map((write, index) => Prisma.sql`${Prisma.raw(`write_${index}`)} AS (${write})`)])

export const eventStore = ({ client, run }: Connection) => ({
  /** The given events that are in scope. */
  among: <Query extends Prisma.EventDefaultArgs>(query: Query, scope: Scope, ids: readonly string[]) =>
    selected<Prisma.EventGetPayload<Query>>({ run }, 'Event', { ...query, where: { AND: [eventsIn(scope), { id: { in: [...ids] } }] } }),

  /** The given events of keys in scope: everybody who may see a key may read them, as changes of that key. */
  keyChangesAmong: <Query extends Prisma.EventDefaultArgs>(query: Query, scope: Scope, ids: readonly string[]) =>
    selected<Prisma.EventGetPayload<Query>>({ run }, 'Event', {
      ...query,
      where: { id: { in: [...ids] }, organizationId: scope.organizationId, kind: { in: keyEventKinds }, apiKey: keysIn(scope) },
    }),

  /** A page in the order of versions; `found`: what the filter leaves is found by the index of that. */
  page: async <Query extends Prisma.EventDefaultArgs>(
    query: Query,
    scope: Scope,
    found: 'version' | 'occurredAt',
    { where, ...page }: { where: Prisma.EventWhereInput; orderBy: Prisma.EventOrderByWithRelationInput[]; take: number },
  ): Promise<Prisma.EventGetPayload<Query>[]> => {
    const matching = { AND: [eventsIn(scope), where] }
    if (found === 'version') return selected({ run }, 'Event', { ...query, ...page, where: matching })
    // By Prisma, whose joins make the planner follow the order where it knows no value: what `selected` sends would sort all events of a period.
    return client.event.findMany({ ...ofColumns(query), ...page, where: matching }) as Promise<Prisma.EventGetPayload<Query>[]>
  },

  /** How many events match, at most one above `countLimit`; `order` is one for which an index finds them. */
  count: (scope: Scope, where: Prisma.EventWhereInput, order: 'version' | 'occurredAt'): Promise<number> =>
    counted({ run }, 'Event', { where: { AND: [eventsIn(scope), where] }, by: order, most: countLimit }),

  /** Events above `after` in their order, with the client's selection; row and scope in one statement. */
  following: <Query extends Prisma.EventDefaultArgs>(query: Query, where: Prisma.EventWhereInput, after: bigint, upTo: bigint, take: number) =>
    selected<Prisma.EventGetPayload<Query>>({ run }, 'Event', {
      ...query,
      where: { AND: [where, { version: { gt: after, lte: upTo } }] },
      orderBy: [{ version: 'asc' }],
      take,
    }),

  /** When the event of this version occurred; null when there is none. */
  occurredAt: async (organizationId: string, version: bigint): Promise<Date | null> =>
    (await client.event.findUnique({ where: { organizationId_version: { organizationId, version } }, select: { occurredAt: true } }))?.occurredAt ?? null,

  /**
   * Returns what happened after `after`, and up to which version, in one statement, so that no event is missed between the two. Includes when
   * the newest event occurred, whose rights changed, and which apps and instances were affected.
   */
  since: async (organizationId: string, after: bigint | null): Promise<Since> => {
    const [row] = await run<Since>(Prisma.sql`
      SELECT o.version, newest.occurred_at AS "occurredAt", coalesce((
        SELECT jsonb_agg(DISTINCT jsonb_build_object('kind', e.kind, 'memberId', e.member_id, 'instanceId', e.instance_id)) FROM event e
        WHERE e.organization_id = o.id AND e.version > coalesce(${after}::bigint, o.version)
          AND e.kind IN ('INSTANCE_ACCESS_CHANGED', 'MEMBER_REMOVED', 'MEMBER_ROLE_CHANGED', 'INSTANCE_DELETED')
      ), '[]'::jsonb) AS changes, coalesce((
        SELECT jsonb_agg(DISTINCT concerned.id) FROM event e, LATERAL (VALUES (e.app_id), (e.instance_id)) AS concerned(id)
        WHERE e.organization_id = o.id AND e.version > coalesce(${after}::bigint, o.version) AND concerned.id IS NOT NULL
      ), '[]'::jsonb) AS subjects
      FROM organization o LEFT JOIN event newest ON newest.organization_id = o.id AND newest.version = o.version WHERE o.id = ${organizationId}`)
    if (!row) throw new Error('the organization is gone')
    return row
  },

  /** Deletes events before `moment`, but none of the last 30 days; returns how many. */
  deleteBefore: async (moment: Date): Promise<number> => {
    const [row] = await client.$queryRaw<{ deleted: bigint }[]>`SELECT delete_events_before(${moment}::timestamptz) AS deleted`
    return Number(row?.deleted)
  },

  /**
   * What stores the events under the organization's next versions, in order, advances its version, and returns it, in one statement with `writes`.
   * The caller holds the organization's lock.
   */
  append: (organizationId: string, occurredAt: Date, events: readonly NewEvent[], writes: readonly Prisma.Sql[]): Prisma.Sql => {
    const rows = events.map((event, index) => ({ ...event, id: newId('evt'), position: index + 1 }))
    return Prisma.sql`
      WITH moved AS (
        UPDATE organization SET version = version + ${events.length} WHERE id = ${organizationId} RETURNING version
      ), written AS (
        INSERT INTO event (id, organization_id, version, kind, occurred_at, actor_id, subject_name, api_key_id, instance_id, app_id, member_id, secret_id)
        SELECT e.id, ${organizationId}, moved.version - ${events.length} + e.position, e.kind::"EventKind", ${occurredAt}, e."actorId", e."subjectName",
          e."apiKeyId", e."instanceId", e."appId", e."memberId", e."secretId"
        FROM moved, jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS e(id text, position int, kind text, "actorId" text, "subjectName" text,
          "apiKeyId" text, "instanceId" text, "appId" text, "memberId" text, "secretId" text)
      )${together(writes)} SELECT version FROM moved`
  },
})

export type EventStore = ReturnType<typeof eventStore>
