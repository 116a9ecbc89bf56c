import { mayCreateApps, mayCreateInstances, mayManageMembers, mayReadAuditLog } from '../access/rights.ts'
import type { Scope } from '../access/scope.ts'
import { builder } from '../graphql/builder.ts'
import { Node } from '../graphql/node.ts'
import { cost } from '../graphql/price.ts'
import { maxOrganizations } from './store.ts'

builder.prismaObject('Organization', {
  description: 'The tenant. Every row belongs to one; they share no data.',
  interfaces: [Node],
  select: { id: true },
  fields: (t) => ({
    slug: t.exposeString('slug', { description: 'Its short name, unique on this server.' }),
    name: t.exposeString('name', { description: 'Its display name.' }),
    version: t.expose('version', { type: 'Version', description: 'The number of its newest event.' }),
    maxKeyLifetimeDays: t.int({
      description: 'The longest lifetime of a new key, in days.',
      resolve: (_organization, _arguments, { ports }) => ports.maxKeyLifetimeDays,
    }),
  }),
})

const ViewerPermissions = builder.objectRef<Scope>('ViewerPermissions').implement({
  description: 'What the viewer may do in the organization, so that a portal can hide what would be refused.',
  fields: (t) => ({
    createApp: t.boolean({ description: 'Create apps.', resolve: mayCreateApps }),
    createInstance: t.boolean({ description: 'Create instances.', resolve: mayCreateInstances }),
    manageMembers: t.boolean({ description: 'Add and remove members, and change their roles.', resolve: mayManageMembers }),
    readAuditLog: t.boolean({ description: 'Read the audit log and follow it.', resolve: mayReadAuditLog }),
  }),
})

const Viewer = builder.objectRef<object>('Viewer').implement({
  description: 'The caller.',
  fields: (t) => ({
    member: t.prismaField({
      type: 'Member',
      description: 'The member whose token was sent.',
      resolve: async (query, _viewer, _arguments, { rows, scope }) => {
        const member = await rows.load('mem', query, scope.memberId)
        if (!member) throw new Error('the caller has no row')
        return member
      },
    }),
    organization: t.prismaField({
      type: 'Organization',
      description: 'The organization that the request acts in.',
      resolve: (query, _viewer, _arguments, { ports, scope }) => ports.organizations.find(query, scope),
    }),
    organizations: t.prismaField({
      type: ['Organization'],
      extensions: cost({ statements: 1, rows: maxOrganizations }),
      description: "Every organization in which the caller's subject is a member, by name.",
      resolve: (query, _viewer, _arguments, { ports, actor }) => ports.organizations.ofSubject(query, actor.subject),
    }),
    can: t.field({ type: ViewerPermissions, description: 'What the viewer may do here.', resolve: (_viewer, _arguments, { scope }) => scope }),
  }),
})

builder.queryField('viewer', (t) => t.field({ type: Viewer, description: 'The caller and their organization.', resolve: () => ({}) }))
