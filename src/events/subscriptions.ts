import { queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import { keysIn, type Scope } from '../access/scope.ts'
import { forbidden, notFound } from '../errors.ts'
import { builder } from '../graphql/builder.ts'
import { type Context, renew } from '../graphql/context.ts'
import { openSource, received } from '../graphql/source.ts'
import type { Prisma } from '../store/client.ts'
import { followEvents } from './follow-events.ts'
import { keyEventKinds } from './model.ts'
import { ApiKeyChange, Event } from './schema.ts'

/** A source of events with the client's own selection, so that row and scope come from one statement. */
function source(context: Context, info: GraphQLResolveInfo, typeName: string, after: bigint | null, feed: Feed): Promise<AsyncIterable<never>> {
  const { ports, actor } = context
  const check = async (scope: Scope): Promise<void> => {
    renew(context, scope)
    await feed.check(scope)
  }
  const read = async (scope: Scope, from: bigint, upTo: bigint, take: number): Promise<{ version: bigint }[]> => {
    // The selection depends on the scope too, which can change while the stream is open.
    const query = queryFromInfo({ context, info, typeName, select: { id: true, version: true } as never }) as { select: Prisma.EventSelect }
    return (await ports.events.following(query, feed.where(scope), from, upTo, take)) as unknown as { version: bigint }[]
  }
  const open = (signal: AbortSignal) => followEvents(ports, actor, { after: context.resumeAfter ?? after, check, read, signal })
  return openSource(context, open) as Promise<AsyncIterable<never>>
}

/** The event as it was read; its version is what a stream resumes from. */
function delivered<Row>(row: Row, context: Context): Row {
  const event = received(row)
  context.delivered = (event as { version: bigint }).version
  return event
}

interface Feed {
  readonly check: (scope: Scope) => Promise<void>
  readonly where: (scope: Scope) => Prisma.EventWhereInput
}

const after = 'Go on from this version: first what was missed since then. RESYNC when that is too long ago, or still to come.'

builder.subscriptionFields((t) => ({
  apiKeyChanged: t.field({
    type: ApiKeyChange,
    description:
      'Every change of a key that the viewer may see; with after, first what was missed since that version. The key is as it is now, not as it was then.',
    args: {
      appId: t.arg.id({ description: 'Only keys of this app.' }),
      instanceId: t.arg.id({ description: 'Only keys of this instance.' }),
      after: t.arg({ type: 'Version', description: after }),
    },
    subscribe: (_root, { appId, instanceId, after: from }, context, info) =>
      source(context, info, 'ApiKeyChange', from ?? null, {
        check: async (scope) => {
          if (appId != null && !(await context.ports.apps.find({ select: { id: true } }, scope, { id: appId }))) throw notFound()
          if (instanceId != null && !(await context.ports.instances.facts(scope, instanceId))) throw notFound()
        },
        where: (scope) => ({
          organizationId: scope.organizationId,
          kind: { in: keyEventKinds },
          apiKey: keysIn(scope),
          ...(appId != null ? { appId } : {}),
          ...(instanceId != null ? { instanceId } : {}),
        }),
      }),
    resolve: (change, _arguments, context) => delivered(change, context),
  }),
  events: t.field({
    type: Event,
    description: 'The audit log, live; for organization owners and Aura Owners.',
    args: { after: t.arg({ type: 'Version', description: after }) },
    subscribe: (_root, { after: from }, context, info) =>
      source(context, info, 'Event', from ?? null, {
        check: async (scope) => {
          if (!scope.all) throw forbidden()
        },
        where: (scope) => ({ organizationId: scope.organizationId }),
      }),
    resolve: (event, _arguments, context) => delivered(event, context),
  }),
}))
