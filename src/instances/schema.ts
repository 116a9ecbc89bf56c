import { mayControlInstance, mayRevokeEveryKey, mayRevokeOrphans } from '../access/rights.ts'
import { instancesIn, type Scope } from '../access/scope.ts'
import { InstanceRole, InstanceStatus } from '../generated/prisma/enums.ts'
import { builder } from '../graphql/builder.ts'
import type { Context } from '../graphql/context.ts'
import { Node } from '../graphql/node.ts'
import { byName, type Keyset, type KeysetOrder, keyset, type PageArguments } from '../graphql/pages.ts'
import { cost, isFiltered, pageRows } from '../graphql/price.ts'
import { containing } from '../graphql/search.ts'

const InstanceStatusEnum = builder.enumType('InstanceStatus', {
  description: 'What an instance is doing. Of these only DELETED concerns its keys.',
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
      description: 'Grant and take away roles on it.',
      resolve: ({ exists, scope, role }) => exists && mayControlInstance(scope, role),
    }),
    delete: t.boolean({ description: 'Delete it.', resolve: ({ exists, scope, role }) => exists && mayControlInstance(scope, role) }),
  }),
})

export const AppInstance = builder.prismaObject('AppInstance', {
  description: 'One deployed thing under an app; a key opens exactly one.',
  interfaces: [Node],
  select: { id: true },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name for people.' }),
    status: t.expose('status', { type: InstanceStatusEnum, description: 'What it is doing.' }),
    app: t.relation('app', { description: 'The app that it is an instance of.' }),
    createdBy: t.relation('createdBy', { description: 'Who created it, also when removed since.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    deletedAt: t.expose('deletedAt', { type: 'DateTime', nullable: true, description: 'When it was deleted; null while it exists.' }),
    viewerRole: t.field({
      type: InstanceRoleEnum,
      nullable: true,
      description: "The viewer's own role on it; null without one, as organization owners may be.",
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

interface InstanceConnectionShape extends ReturnType<Keyset<{ id: string; name: string }>['connect']> {
  totalCount: () => Promise<number>
}

const AppInstanceConnection = builder.connectionObject(
  {
    type: AppInstance,
    name: 'AppInstanceConnection',
    description: 'A page of instances.',
    fields: (t) => ({
      totalCount: t.int({
        description: 'How many match in all.',
        extensions: cost({ statements: 1 }),
        resolve: (page) => (page as unknown as InstanceConnectionShape).totalCount(),
      }),
    }),
  },
  { name: 'AppInstanceEdge', description: 'An instance in a page.' },
)

const InstanceFilter = builder.inputType('InstanceFilter', {
  description: 'Which instances; an omitted or null member means no restriction.',
  fields: (t) => ({
    search: t.string({ description: 'Part of the name, ASCII letters in either case.' }),
    status: t.field({ type: [InstanceStatusEnum], description: 'Any of these; an empty list matches nothing.' }),
  }),
})

interface ListArguments extends PageArguments {
  filter?: typeof InstanceFilter.$inferInput | null | undefined
}

// Deleted ones only when asked for by name.
const matching = ({ filter }: ListArguments, scope: Scope) => ({
  AND: [
    instancesIn(scope),
    filter?.status ? { status: { in: filter.status } } : { deletedAt: null },
    ...(filter?.search ? [{ name: containing(filter.search) }] : []),
  ],
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
    // The plugin's types want whole rows where the client's selection has been read.
    resolve: (app, list, context) => {
      const page: InstanceConnectionShape = {
        ...pageOf(list, context).connect(app.instances),
        totalCount: async () => (await context.rows.load('instanceCount', matching(list, context.scope), app.id)) ?? 0,
      }
      return page as never
    },
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

interface AccessConnectionShape extends ReturnType<Keyset<Grant>['connect']> {
  totalCount: () => Promise<number>
}

const InstanceAccessConnection = builder.connectionObject(
  {
    type: InstanceAccess,
    name: 'InstanceAccessConnection',
    description: 'A page of roles on an instance.',
    fields: (t) => ({
      totalCount: t.int({
        description: 'How many members have a role.',
        extensions: cost({ statements: 1 }),
        resolve: (page) => (page as unknown as AccessConnectionShape).totalCount(),
      }),
    }),
  },
  { name: 'InstanceAccessEdge', description: 'A role in a page.' },
)

builder.prismaObjectField('AppInstance', 'access', (t) =>
  t.field({
    type: InstanceAccessConnection,
    nullable: true,
    description: "Who has which role here, by the members' names; null unless the viewer may control access.",
    // The role of whoever asks is looked up too. Names stand in another table, so that all who have a role are read and sorted.
    extensions: cost((list) => ({ statements: 2, rows: pageRows(list), scans: 1 })),
    args: {
      first: t.arg.int({ description: 'How many, 0 to 100; 20 unless given.' }),
      after: t.arg.string({ description: 'Only roles after this cursor.' }),
    },
    select: (list, context, nestedSelection) => {
      const { where, orderBy, take } = accessPage(list, context).query
      const access = { where, orderBy, take, select: { memberId: true, member: { select: { name: true } } } }
      return { id: true, deletedAt: true, access: nestedSelection(access as never, ['edges', 'node']) } as never
    },
    resolve: async (row, list, context) => {
      const { id, deletedAt, access } = row as unknown as { id: string; deletedAt: Date | null; access: Grant[] }
      const { rows, scope } = context
      if (deletedAt !== null) return null
      // Their role on the instance is looked up only where it decides.
      if (!mayControlInstance(scope, null) && !mayControlInstance(scope, await rows.load('instanceRole', {}, id))) return null
      const page: AccessConnectionShape = {
        ...accessPage(list, context).connect(access),
        totalCount: async () => (await rows.load('accessCount', {}, id)) ?? 0,
      }
      return page as never
    },
  }),
)

const accessPage = (list: PageArguments, { scope, ports }: Context) => keyset(list, byMemberName, ports.cursors, `access:${scope.organizationId}`)

builder.queryField('instance', (t) =>
  t.prismaField({
    type: 'AppInstance',
    nullable: true,
    description: 'The instance with this id; null when the viewer may see none.',
    args: { id: t.arg.id({ required: true, description: 'An id `ins_…`.' }) },
    resolve: (query, _root, { id }, { rows }) => rows.load('instances', query, id),
  }),
)
