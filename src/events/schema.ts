import { EventKind } from '../generated/prisma/enums.ts'
import { builder } from '../graphql/builder.ts'
import { Node } from '../graphql/node.ts'
import { nothing } from '../graphql/nothing.ts'
import { subjectNameFor } from './model.ts'

export const EventKindEnum = builder.enumType('EventKind', {
  description: 'What happened.',
  values: {
    [EventKind.API_KEY_CREATED]: { description: 'A key was created.' },
    [EventKind.API_KEY_REVOKED]: { description: 'A key was revoked.' },
    [EventKind.API_KEY_ORPHANED]: { description: 'A key lost its instance or its creator.' },
    [EventKind.API_KEY_EXPIRED]: { description: 'A key expired.' },
    [EventKind.API_KEY_SAVED_AS_SECRET]: { description: 'A key was saved as a secret.' },
    [EventKind.INSTANCE_CREATED]: { description: 'An instance was created.' },
    [EventKind.INSTANCE_DELETED]: { description: 'An instance was deleted; an event for each of its keys follows.' },
    [EventKind.INSTANCE_ACCESS_CHANGED]: { description: 'A member got, changed or lost a role on an instance.' },
    [EventKind.MEMBER_ADDED]: { description: 'A member was added.' },
    [EventKind.MEMBER_REMOVED]: { description: 'A member was removed; an event for each of their keys follows.' },
    [EventKind.MEMBER_ROLE_CHANGED]: { description: 'A member got another role in the organization.' },
    [EventKind.APP_CREATED]: { description: 'An app was created.' },
    [EventKind.SECRET_REVEALED]: { description: 'The value of a secret was shown.' },
    [EventKind.SECRET_DELETED]: { description: 'A secret was deleted.' },
  } as const,
})

export const Event = builder.prismaObject('Event', {
  description: 'One change of an organization, in order: an audit log entry.',
  interfaces: [Node],
  select: { id: true },
  fields: (t) => ({
    version: t.expose('version', { type: 'Version', description: "Order and resume position: the organization's version after this event." }),
    kind: t.expose('kind', { type: EventKindEnum, description: 'What happened.' }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime', description: 'When it happened.' }),
    actor: t.relation('actor', { nullable: true, description: 'Who did it. Null: the server itself (expiry).' }),
    subjectName: t.string({
      description: "The name of its subject at that time. Only organization owners see the names of other members' secrets.",
      select: { kind: true, subjectName: true, actorId: true },
      resolve: (event, _arguments, { scope }) => subjectNameFor(scope, event),
    }),
    apiKey: t.relation('apiKey', { nullable: true, description: 'The key that it was about, as it is now.' }),
    instance: t.relation('instance', { nullable: true, description: 'The instance that it was about, or that of the key.' }),
    app: t.relation('app', { nullable: true, description: 'The app that it was about, or that of the instance.' }),
    member: t.relation('member', { nullable: true, description: 'The member that it was about.' }),
    secret: t.prismaField({
      type: 'Secret',
      nullable: true,
      description: 'The secret that it was about; null when it is deleted, or the viewer may not see it.',
      select: { secretId: true },
      resolve: (query, { secretId }, _arguments, { rows }) => (secretId === null ? nothing(query) : rows.load('sec', query, secretId)),
    }),
  }),
})

export const ApiKeyChange = builder.prismaObject('Event', {
  variant: 'ApiKeyChange',
  description: 'One change of a key that the viewer may see. The key is as it is now, not as it was then.',
  select: { id: true },
  fields: (t) => ({
    version: t.expose('version', { type: 'Version', description: 'Order and resume position: pass it as `after` to go on from here.' }),
    kind: t.expose('kind', { type: EventKindEnum, description: 'What happened.' }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime', description: 'When it happened.' }),
    apiKey: t.relation('apiKey', { nullable: false, onNull: 'error', description: 'The key as it is now.' }),
    actor: t.relation('actor', { nullable: true, description: 'Who did it. Null: the server itself (expiry).' }),
  }),
})
