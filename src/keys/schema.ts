import { notFound } from '../errors.ts'
import { ApiKeyStatus, OrphanReason } from '../generated/prisma/enums.ts'
import { builder } from '../graphql/builder.ts'
import { Node } from '../graphql/node.ts'
import { readBeside } from '../graphql/planned-selection.ts'
import { cost, isFiltered, pageRows } from '../graphql/price.ts'
import { type CountsBeside, countable, countsOf, revokeRefusal, usedAt } from './model.ts'

export const ApiKeyStatusEnum = builder.enumType('ApiKeyStatus', {
  description: 'Exactly one, first match wins: REVOKED, ORPHANED, EXPIRED, ACTIVE. Only ACTIVE authenticates.',
  values: {
    [ApiKeyStatus.ACTIVE]: { description: 'Opens its instance.' },
    [ApiKeyStatus.EXPIRED]: { description: 'It has expired.' },
    [ApiKeyStatus.ORPHANED]: { description: 'Its instance was deleted or its creator was removed.' },
    [ApiKeyStatus.REVOKED]: { description: 'Somebody revoked it, for good.' },
  } as const,
})

const OrphanReasonEnum = builder.enumType('OrphanReason', {
  description: 'Why a key is an orphan.',
  values: {
    [OrphanReason.INSTANCE_DELETED]: { description: 'The instance that it opened was deleted.' },
    [OrphanReason.CREATOR_REMOVED]: { description: 'The member who created it was removed.' },
  } as const,
})

const RevokeRefusalEnum = builder.enumType('RevokeRefusal', {
  description: 'Why the viewer may not revoke this key.',
  values: {
    ALREADY_REVOKED: { description: 'It is revoked.' },
    NOT_YOUR_KEY: { description: 'Another member created it, and the viewer is not OWNER of the instance.' },
    ORPHAN_NEEDS_OWNER: { description: 'Only organization owners and Aura Owners revoke orphaned keys.' },
  } as const,
})

export const KeyCounts = builder.objectRef<{ active: number; expired: number; orphaned: number; revoked: number; version: bigint }>('KeyCounts').implement({
  description: 'How many keys the viewer may see there, by status.',
  fields: (t) => ({
    active: t.exposeInt('active', { description: 'Keys that authenticate.' }),
    expired: t.exposeInt('expired', { description: 'Keys that have expired.' }),
    orphaned: t.exposeInt('orphaned', { description: 'Keys whose instance was deleted or whose creator was removed.' }),
    revoked: t.exposeInt('revoked', { description: 'Revoked keys: history, not part of the total.' }),
    total: t.int({ description: 'active + expired + orphaned', resolve: (counts) => counts.active + counts.expired + counts.orphaned }),
    version: t.expose('version', { type: 'Version', description: "The organization's version of these numbers; ignore a message that is not newer." }),
  }),
})

export const ApiKey = builder.prismaObject('ApiKey', {
  description: 'A credential for programs that opens exactly one instance.',
  interfaces: [Node],
  select: { id: true },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its display name. Need not be unique.' }),
    hint: t.exposeString('hint', { description: 'To recognise the key: the start and the end of the plaintext.' }),
    status: t.expose('status', { type: ApiKeyStatusEnum, description: 'Whether it authenticates, and if not, why.' }),
    orphanReason: t.field({
      type: OrphanReasonEnum,
      nullable: true,
      description: 'Why it is an orphan; null unless it is, or was when revoked.',
      select: { orphanReason: true },
      resolve: (key) => key.orphanReason,
    }),
    app: t.relation('app', { description: 'The app of its instance.' }),
    instance: t.relation('instance', { description: 'The instance that it opens, even if deleted: a viewer who may see the key may see that.' }),
    createdBy: t.relation('createdBy', { description: 'Who created it, even if removed since.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it stops opening its instance.' }),
    lastUsedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it last passed verification, to about a minute; null if never.',
      select: { use: { select: { lastUsedAt: true } } },
      resolve: (key) => usedAt(key.use),
    }),
    revokedAt: t.expose('revokedAt', { type: 'DateTime', nullable: true, description: 'When it was revoked; null unless it was.' }),
    revokedBy: t.relation('revokedBy', { nullable: true, description: 'Who revoked it; null unless it was revoked.' }),
    revokeRefusal: t.field({
      type: RevokeRefusalEnum,
      nullable: true,
      description: 'Why the viewer may not revoke it; null when they may.',
      extensions: cost({ statements: 1 }),
      select: (_arguments, { scope }) => ({
        status: true,
        createdById: true,
        instance: { select: { access: { where: { memberId: scope.memberId }, select: { role: true } } } },
      }),
      resolve: (key, _arguments, { scope }) => revokeRefusal(scope, key.instance.access[0]?.role ?? null, key),
    }),
    viewerCanRevoke: t.boolean({
      description: 'Whether the viewer may revoke it.',
      extensions: cost({ statements: 1 }),
      select: (_arguments, { scope }) => ({
        status: true,
        createdById: true,
        instance: { select: { access: { where: { memberId: scope.memberId }, select: { role: true } } } },
      }),
      resolve: (key, _arguments, { scope }) => revokeRefusal(scope, key.instance.access[0]?.role ?? null, key) === null,
    }),
  }),
})

for (const type of ['Organization', 'App', 'AppInstance'] as const) {
  builder.prismaObjectField(type, 'keyCounts', (t) =>
    t.field({
      type: KeyCounts,
      description: 'How many keys the viewer may see there, by status.',
      // The caller's other organizations need one more statement.
      extensions: {
        ...cost({ statements: type === 'Organization' ? 2 : 1 }),
        ...(type !== 'Organization' && readBeside(({ scope, ports }) => ({ keyCounts: ports.keys.countsBeside(scope, type) }))),
      },
      select: { id: true },
      resolve: (row, _arguments, { counts }) => {
        const { keyCounts } = row as { keyCounts?: CountsBeside | null }
        if (keyCounts) return countsOf(keyCounts)
        return counts.load(row.id).then((found) => found ?? Promise.reject(notFound()))
      },
    }),
  )
}

/** Orders with an index for the keys of an app or an instance; for others the database reads all keys. */
export const orderedInRows = ['CREATED_AT_DESC', 'CREATED_AT_ASC']

/** Whether a page is its ids first, from a statement that no other can be joined to; the selection is read only for the page. */
export const isByIds = (
  { filter, orderBy }: { filter?: { search?: unknown } | null | undefined; orderBy?: string | null | undefined },
  place: Place,
): boolean =>
  // An instance's keys are few enough to be walked through.
  orderBy === 'LAST_USED_AT_DESC' || (place !== 'AppInstance' && Boolean(filter?.search))

/** Where a list of keys stands. */
type Place = 'Query' | 'App' | 'AppInstance'

/** The cost of a list of keys. */
export const costOfKeys = (place: Place) =>
  cost((list, asks) => {
    const isRoot = place === 'Query'
    const { filter, orderBy } = list as { filter?: object; orderBy?: string }
    const isCounted = asks.has('totalCount') || asks.has('totalCountIsExact')
    const counts = isCounted && !countable(filter, isRoot) ? 1 : 0
    const order = orderBy ?? 'CREATED_AT_DESC'
    return {
      statements: 1 + (isCounted ? 1 - counts : 0),
      // Each row reads first the ids, then the keys.
      statementsPerRow: counts + (isByIds(list, place) ? 2 : 0),
      rows: pageRows(list),
      scans: counts + Math.max(isFiltered(filter) ? 1 : 0, isRoot || orderedInRows.includes(order) ? 0 : 1),
    }
  })
