import { builder } from '../graphql/builder.ts'
import { changedRow } from '../graphql/changed-row.ts'
import { Propagation } from '../graphql/propagation.ts'
import type { Propagation as PropagationShape } from '../ports.ts'
import { addMember } from './add-member.ts'
import { removeMember } from './remove-member.ts'
import { OrganizationRoleEnum } from './schema.ts'
import { setMemberRole } from './set-member-role.ts'

const AddMemberInput = builder.inputType('AddMemberInput', {
  description: 'A person or a service, new to the organization.',
  fields: (t) => ({
    subject: t.string({ required: true, description: 'The `sub` of their tokens: 1 to 255 printable ASCII characters without spaces, compared exactly.' }),
    name: t.string({ required: true, description: '1 to 64 characters after trimming.' }),
    email: t.string({ description: 'Their address, if they have one.' }),
    role: t.field({ type: OrganizationRoleEnum, required: true, description: 'Their role in the organization.' }),
  }),
})

const RemoveMemberInput = builder.inputType('RemoveMemberInput', {
  description: 'Which member to remove.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The member, `mem_…`.' }),
    acknowledged: t.boolean({ required: true, description: 'Must be true: a removal cannot be undone, and orphans the keys that they created.' }),
  }),
})

const SetMemberRoleInput = builder.inputType('SetMemberRoleInput', {
  description: 'Who gets which role.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The member, `mem_…`.' }),
    role: t.field({ type: OrganizationRoleEnum, required: true, description: 'The new role.' }),
  }),
})

interface Changed {
  memberId: string
}

const AddMemberPayload = builder.objectRef<Changed>('AddMemberPayload').implement({
  description: 'What addMember made.',
  fields: (t) => ({
    member: t.prismaField({
      type: 'Member',
      description: 'The new member.',
      resolve: (query, { memberId }, _arguments, context) => changedRow(context, 'mem', query, memberId),
    }),
  }),
})

const RemoveMemberPayload = builder.objectRef<Changed & { orphanedKeys: number; propagation: PropagationShape }>('RemoveMemberPayload').implement({
  description: 'What removeMember did.',
  fields: (t) => ({
    member: t.prismaField({
      type: 'Member',
      description: 'The member as they are now: removed, and kept as history.',
      resolve: (query, { memberId }, _arguments, context) => changedRow(context, 'mem', query, memberId),
    }),
    orphanedKeys: t.exposeInt('orphanedKeys', { description: 'How many keys this call orphaned.' }),
    propagation: t.expose('propagation', { type: Propagation, description: 'All serving nodes refuse the keys now.' }),
  }),
})

const SetMemberRolePayload = builder.objectRef<Changed>('SetMemberRolePayload').implement({
  description: 'What setMemberRole did.',
  fields: (t) => ({
    member: t.prismaField({
      type: 'Member',
      description: 'The member.',
      resolve: (query, { memberId }, _arguments, context) => changedRow(context, 'mem', query, memberId),
    }),
  }),
})

builder.mutationFields((t) => ({
  addMember: t.field({
    type: AddMemberPayload,
    nullable: true,
    description: 'Adds a member. A removed member comes back as a new one, without what they had. For organization owners.',
    args: { input: t.arg({ type: AddMemberInput, required: true, description: 'The member.' }) },
    resolve: (_root, { input }, { ports, actor }) => addMember(ports, actor, input),
  }),
  removeMember: t.field({
    type: RemoveMemberPayload,
    nullable: true,
    description: 'Removes a member for good, ends their tokens and orphans the keys that they created. For organization owners; the last one stays (CONFLICT).',
    args: { input: t.arg({ type: RemoveMemberInput, required: true, description: 'The member.' }) },
    resolve: async (_root, { input }, { ports, actor }) => ({ memberId: input.id, ...(await removeMember(ports, actor, input)) }),
  }),
  setMemberRole: t.field({
    type: SetMemberRolePayload,
    nullable: true,
    description: "Changes a member's role. For organization owners; the last one stays an OWNER (CONFLICT).",
    args: { input: t.arg({ type: SetMemberRoleInput, required: true, description: 'Who, which role.' }) },
    resolve: async (_root, { input }, { ports, actor }) => {
      await setMemberRole(ports, actor, input)
      return { memberId: input.id }
    },
  }),
}))
