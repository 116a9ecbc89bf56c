import { keepInstance } from '../access/scope.ts'
import { builder } from '../graphql/builder.ts'
import { changedRow } from '../graphql/changed-row.ts'
import type { Context } from '../graphql/context.ts'
import { Propagation } from '../graphql/propagation.ts'
import type { Propagation as PropagationShape } from '../ports.ts'
import { createAppInstance } from './create-app-instance.ts'
import { deleteAppInstance } from './delete-app-instance.ts'
import { AppInstance, InstanceRoleEnum } from './schema.ts'
import { setInstanceAccess } from './set-instance-access.ts'

const CreateAppInstanceInput = builder.inputType('CreateAppInstanceInput', {
  description: 'The new instance is ACTIVE; only the status DELETED affects its keys.',
  fields: (t) => ({
    appId: t.id({ required: true, description: 'The app, `app_…`.' }),
    name: t.string({ required: true, description: '1 to 64 characters after trimming. Need not be unique.' }),
  }),
})

const DeleteAppInstanceInput = builder.inputType('DeleteAppInstanceInput', {
  description: 'Which instance to delete.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The instance, `ins_…`.' }),
    acknowledged: t.boolean({ required: true, description: 'Must be true: a deletion cannot be undone, and orphans its keys.' }),
  }),
})

const SetInstanceAccessInput = builder.inputType('SetInstanceAccessInput', {
  description: 'Who gets which role where; role null removes the access.',
  fields: (t) => ({
    instanceId: t.id({ required: true, description: 'The instance, `ins_…`.' }),
    memberId: t.id({ required: true, description: 'The member, `mem_…`, of the same organization.' }),
    role: t.field({ type: InstanceRoleEnum, description: 'The new role; null removes the access.' }),
  }),
})

interface Changed {
  instanceId: string
}

/** In place: loaders share this scope object, but the transport copies the context that resolvers get. */
const keep = ({ scope }: Context, instanceId: string): void => void Object.assign(scope, keepInstance(scope, instanceId))

const CreateAppInstancePayload = builder.objectRef<Changed>('CreateAppInstancePayload').implement({
  description: 'What createAppInstance made.',
  fields: (t) => ({
    instance: t.prismaField({
      type: AppInstance,
      description: 'The new instance.',
      resolve: (query, { instanceId }, _arguments, context) => changedRow(context, 'ins', query, instanceId),
    }),
  }),
})

const DeleteAppInstancePayload = builder.objectRef<Changed & { orphanedKeys: number; propagation: PropagationShape }>('DeleteAppInstancePayload').implement({
  description: 'What deleteAppInstance did.',
  fields: (t) => ({
    instance: t.prismaField({
      type: AppInstance,
      description: 'The instance as it is now.',
      resolve: (query, { instanceId }, _arguments, context) => changedRow(context, 'ins', query, instanceId),
    }),
    orphanedKeys: t.exposeInt('orphanedKeys', { description: 'How many keys this call orphaned.' }),
    propagation: t.expose('propagation', { type: Propagation, description: 'All serving nodes refuse the keys now.' }),
  }),
})

const SetInstanceAccessPayload = builder.objectRef<Changed>('SetInstanceAccessPayload').implement({
  description: 'What setInstanceAccess did.',
  fields: (t) => ({
    instance: t.prismaField({
      type: AppInstance,
      description: 'The instance.',
      resolve: (query, { instanceId }, _arguments, context) => changedRow(context, 'ins', query, instanceId),
    }),
  }),
})

builder.mutationFields((t) => ({
  createAppInstance: t.field({
    type: CreateAppInstancePayload,
    nullable: true,
    description: 'Adds an instance to an app. For organization owners and Aura Owners.',
    args: { input: t.arg({ type: CreateAppInstanceInput, required: true, description: 'The instance.' }) },
    resolve: (_root, { input }, { ports, actor }) => createAppInstance(ports, actor, input),
  }),
  deleteAppInstance: t.field({
    type: DeleteAppInstancePayload,
    nullable: true,
    description: 'Deletes an instance and orphans its keys; when this returns, they no longer verify anywhere.',
    args: { input: t.arg({ type: DeleteAppInstanceInput, required: true, description: 'Which one.' }) },
    resolve: async (_root, { input }, context) => {
      const answer = await deleteAppInstance(context.ports, context.actor, input)
      keep(context, input.id)
      return { instanceId: input.id, ...answer }
    },
  }),
  setInstanceAccess: t.field({
    type: SetInstanceAccessPayload,
    nullable: true,
    description: 'Grants, changes or removes a role on one instance. For organization owners, Aura Owners and the OWNERs of the instance.',
    args: { input: t.arg({ type: SetInstanceAccessInput, required: true, description: 'Who, where, which role.' }) },
    resolve: async (_root, { input }, context) => {
      await setInstanceAccess(context.ports, context.actor, input)
      keep(context, input.instanceId)
      return { instanceId: input.instanceId }
    },
  }),
}))
