import { mayControlInstance, mayRevokeEveryKey, mayRevokeOrphans } from '../access/rights.ts'
import { instancesIn, type Scope } from '../access/scope.ts'
import { InstanceRole, InstanceStatus } from '../generated/prisma/enums.ts'
import { builder } from '../graphql/builder.ts'
import { connectionOf, countedConnection, exactly } from '../graphql/connections.ts'
import type { Context } from '../graphql/context.ts'
import { Node } from '../graphql/node.ts'
import { byName, type KeysetOrder, keyset, type PageArguments } from '../graphql/pages.ts'
import { cost, isFiltered, pageRows } from '../graphql/price.ts'
import { matchingText } from '../graphql/search.ts'

const InstanceStatusEnum = builder.enumType('InstanceStatus', {
  description: 'The state of an instance. Only DELETED affects its keys.',
  values: {
    [InstanceStatus.INITIALIZING]: { description: 'Being set up.' },
    [InstanceStatus.ACTIVE]: { description: 'Serving.' },
    [InstanceStatus.IDLE]: { description: 'Ready, without traffic.' },
    [InstanceStatus.FAILED]: { description: 'Not serving because of an error.' },
    [InstanceStatus.DELETED]: { description: 'Gone for good: its keys are orphans.' },
  } as const,
})

export const InstanceRoleEnum = builder.enumType('InstanceRole', {
  description: 'What a member may do on one instance.',
  values: {
    [InstanceRole.OWNER]: { description: 'Revoke any active or expired key, delete the instance, control access.' },
    [InstanceRole.USER]: { description: 'See its keys, create keys, revoke own keys.' },
  } as const,
})

/** The actor's grant on an instance, as a selection. */
const grant = (scope: Scope) => ({ access: { where: { memberId: scope.memberId }, select: { role: true } } })

interface Permissions {
  readonly scope: Scope
  readonly role: InstanceRole | null
  readonly exists: boolean
}

const InstancePermissions = builder.objectRef<Permissions>('InstancePermissions').implement({
  description: 'What the viewer may do on an instance, so that a portal can hide what would be refused.',
  fields: (t) => ({
    createKey: t.boolean({ description: 'Create keys.', resolve: ({ exists }) => exists }),
    revokeActiveKeys: t.boolean({
      description: "Revoke everybody's active and expired keys, not only own ones.",
      resolve: ({ scope, role }) => mayRevokeEveryKey(scope, role),
    }),
    revokeOrphanedKeys: t.boolean({ description: 'Revoke orphaned keys.', resolve: ({ scope }) => mayRevokeOrphans(scope) }),
    controlAccess: t.boolean({
      description: 'Grant and remove roles on it.',
      resolve: ({ exists, scope, role }) => exists && mayControlInstance(scope, role),
    }),
    delete: t.boolean({ description: 'Delete it.', resolve: ({ exists, scope, role }) => exists && mayControlInstance(scope, role) }),
  }),
})

export const AppInstance = builder.prismaObject('AppInstance', {
  description: 'One deployed instance of an app; a key opens exactly one.',
  interfaces: [Node],
  select: { id: true },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its display name.' }),
    status: t.expose('status', { type: InstanceStatusEnum, description: 'Its state.' }),
    app: t.relation('app', { description: 'The app that it belongs to.' }),
    createdBy: t.relation('createdBy', { description: 'Who created it, even if removed since.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    deletedAt: t.expose('deletedAt', { type: 'DateTime', nullable: true, description: 'When it was deleted; null while it exists.' }),
    viewerRole: t.field({
      type: InstanceRoleEnum,
      nullable: true,
      description: "The viewer's own role on it; null without one (organization owners need none).",
      extensions: cost({ statements: 1 }),
      select: (_arguments, { scope }) => grant(scope),
      resolve: ({ access }) => access[0]?.role ?? null,
    }),
    viewerCan: t.field({
      type: InstancePermissions,
      description: 'What the viewer may do here.',
      extensions: cost({ statements: 1 }),
      select: (_arguments, { scope }) => ({ ...grant(scope), deletedAt: true }),
      resolve: ({ access, deletedAt }, _arguments, { scope }) => ({
        scope,
        role: access[0]?.role ?? null,
        exists: deletedAt === null,
      }),
    }),
  }),
})

const AppInstanceConnection = countedConnection(AppInstance, 'AppInstance', {
  page: 'A page of instances.',
  row: 'An instance in a page.',
  total: 'How many match in all.',
})

const InstanceFilter = builder.inputType('InstanceFilter', {
  description: 'Which instances; an omitted or null member means no restriction.',
  fields: (t) => ({
    search: t.string({ description: 'Part of the name, or its beginning if it has fewer than three characters; case ignored.' }),
    status: t.field({ type: [InstanceStatusEnum], description: 'Any of these; an empty list matches nothing.' }),
  }),
})

interface ListArguments extends PageArguments {
  filter?: typeof InstanceFilter.$inferInput | null | undefined
}

// DELETED ones only when the filter names them.
const matching = ({ filter }: ListArguments, scope: Scope) => ({
  AND: [instancesIn(scope), filter?.status ? { status: { in: filter.status } } : { deletedAt: null }, ...(filter?.search ? [matchingText(filter.search)] : [])],
})

const pageOf = (list: ListArguments, { scope, ports }: Context) => keyset(list, byName, ports.cursors, `instances:${scope.organizationId}`)

builder.prismaObjectFields('App', (t) => ({
  instances: t.field({
    type: AppInstanceConnection,
    description: 'Its instances that the viewer may see, by name. Deleted ones only when the filter asks for that status.',
    extensions: cost((list) => ({ statements: 1, rows: pageRows(list), scans: isFiltered(list['filter']) ? 1 : 0 })),
    args: { filter: t.arg({ type: InstanceFilter, description: 'Which ones.' }), ...t.arg.connectionArgs() },
    select: (list, context, nestedSelection) => {
      const { where, orderBy, take } = pageOf(list, context).query
      return {
        id: true,
        instances: nestedSelection({ where: { AND: [matching(list, context.scope), where] }, orderBy, take, select: { id: true, name: true } }, [
          'edges',
          'node',
        ]),
      }
    },
    resolve: (app, list, context) =>
      connectionOf(pageOf(list, context), app.instances, async () =>
        exactly((await context.rows.load('instanceCount', matching(list, context.scope), app.id)) ?? 0),
      ),
  }),
}))

const InstanceAccess = builder.prismaObject('InstanceAccess', {
  description: 'Who has which role on an instance.',
  select: { instanceId: true, memberId: true },
  fields: (t) => ({
    member: t.relation('member', { description: 'The member.' }),
    role: t.expose('role', { type: InstanceRoleEnum, description: 'The role.' }),
  }),
})

interface Grant {
  instanceId: string
  memberId: string
  member: { name: string }
}

const byMemberName: KeysetOrder<Grant> = {
  name: 'MEMBER_NAME_ASC',
  unique: 'memberId',
  direction: 'asc',
  value: (row) => row.member.name,
  orderBy: (way) => ({ member: { name: way } }),
  beyond: (operator, value) => ({ member: { name: { [operator]: value } } }),
  equal: (value) => ({ member: { name: value } }),
}

const InstanceAccessConnection = countedConnection(InstanceAccess, 'InstanceAccess', {
  page: 'A page of roles on an instance.',
  row: 'A role in a page.',
  total: 'How many members have a role.',
})

const accessPage = (list: PageArguments, { scope, ports }: Context) => keyset(list, byMemberName, ports.cursors, `access:${scope.organizationId}`)

builder.prismaObjectField('AppInstance', 'access', (t) =>
  t.field({
    type: InstanceAccessConnection,
    nullable: true,
    description: "Who has which role here, by the members' names; null unless the viewer may control access.",
    // The caller's role is read too. Names are in another table, so everybody with a role is read and sorted.
    extensions: cost((list) => ({ statements: 2, rows: pageRows(list), scans: 1 })),
    args: t.arg.connectionArgs(),
    select: (list, context, nestedSelection) => {
      const { where, orderBy, take } = accessPage(list, context).query
      const access = { where: { AND: [where] }, orderBy, take, select: { memberId: true, instanceId: true, member: { select: { name: true } } } } as const
      return { id: true, deletedAt: true, access: nestedSelection(access, ['edges', 'node']) }
    },
    resolve: async ({ id, deletedAt, access }, list, context) => {
      const { rows, scope } = context
      if (deletedAt !== null) return null
      // Their role on the instance is read only when it decides.
      if (!mayControlInstance(scope, null) && !mayControlInstance(scope, await rows.load('instanceRole', {}, id))) return null
      return connectionOf(accessPage(list, context), access, async () => exactly((await rows.load('accessCount', {}, id)) ?? 0))
    },
  }),
)

builder.queryField('instance', (t) =>
  t.prismaField({
    type: 'AppInstance',
    nullable: true,
    description: 'The instance with this id; null when the viewer may see none.',
    args: { id: t.arg.id({ required: true, description: 'An id `ins_…`.' }) },
    resolve: (query, _root, { id }, { rows }) => rows.load('ins', query, id),
  }),
)
