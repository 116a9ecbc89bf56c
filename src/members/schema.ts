import { maySeeContacts } from '../access/rights.ts'
import { OrganizationRole } from '../generated/prisma/enums.ts'
import { builder } from '../graphql/builder.ts'
import { Node } from '../graphql/node.ts'

export const OrganizationRoleEnum = builder.enumType('OrganizationRole', {
  description: 'What a member may do in the whole organization.',
  values: {
    [OrganizationRole.OWNER]: { description: 'Everything, members included.' },
    [OrganizationRole.AURA_OWNER]: { description: 'Everything about apps, instances and keys, orphaned ones included.' },
    [OrganizationRole.MEMBER]: { description: 'What the roles granted on single instances allow.' },
  } as const,
})

export const Member = builder.prismaObject('Member', {
  description: 'A person or a service in an organization. subject and email are null except to OWNERs of the organization and to the member.',
  interfaces: [Node],
  select: { id: true },
  fields: (t) => ({
    subject: t.string({
      nullable: true,
      description: "The `sub` of the member's tokens; for OWNERs of the organization and the member.",
      select: { subject: true },
      resolve: (member, _arguments, { scope }) => (maySeeContacts(scope) || scope.memberId === member.id ? member.subject : null),
    }),
    name: t.exposeString('name', { description: 'The display name.' }),
    email: t.string({
      nullable: true,
      description: 'The address; for OWNERs of the organization and the member.',
      select: { email: true },
      resolve: (member, _arguments, { scope }) => (maySeeContacts(scope) || scope.memberId === member.id ? member.email : null),
    }),
    role: t.expose('role', { type: OrganizationRoleEnum, description: 'The role in the organization.' }),
    joinedAt: t.expose('joinedAt', { type: 'DateTime', description: 'When the member was added.' }),
    removedAt: t.expose('removedAt', { type: 'DateTime', nullable: true, description: 'When the member was removed; null while present.' }),
  }),
})
