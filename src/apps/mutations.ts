import { builder } from '../graphql/builder.ts'
import { changedRow } from '../graphql/changed-row.ts'
import { createApp } from './create-app.ts'

const CreateAppInput = builder.inputType('CreateAppInput', {
  description: 'A new app.',
  fields: (t) => ({
    slug: t.string({ required: true, description: '1 to 64 of a-z, 0-9 and inner hyphens, unique in the organization (else CONFLICT).' }),
    name: t.string({ required: true, description: '1 to 64 characters after trimming.' }),
  }),
})

const CreateAppPayload = builder.objectRef<{ appId: string }>('CreateAppPayload').implement({
  description: 'What createApp made.',
  fields: (t) => ({
    app: t.prismaField({
      type: 'App',
      description: 'The new app.',
      resolve: (query, { appId }, _arguments, context) => changedRow(context, 'app', query, appId),
    }),
  }),
})

builder.mutationField('createApp', (t) =>
  t.field({
    type: CreateAppPayload,
    nullable: true,
    description: 'Adds an app. For organization owners and Aura Owners.',
    args: { input: t.arg({ type: CreateAppInput, required: true, description: 'The app.' }) },
    resolve: (_root, { input }, { ports, actor }) => createApp(ports, actor, input),
  }),
)
