import { queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import { isMember, mayReadAuditLog } from '../access/rights.ts'
import { keysIn, type Scope } from '../access/scope.ts'
import { notFound } from '../errors.ts'
import { builder } from '../graphql/builder.ts'
import type { Context } from '../graphql/context.ts'
import { feedSource, type LiveSource } from '../graphql/live-source.ts'
import { cost } from '../graphql/price.ts'
import { isId } from '../ids.ts'
import type { Prisma } from '../store/client.ts'
import { feedBatch } from '../topic.ts'
import { keyEventKinds } from './model.ts'
import { ApiKeyChange, Event } from './schema.ts'
import type { EventStore } from './store.ts'

type Row = Awaited<ReturnType<EventStore['following']>>[number]

/** A feed of events with the client's own selection, so that row and scope come from one statement. */
const feed = (
  info: GraphQLResolveInfo,
  typeName: string,
  topic: Parameters<typeof feedSource>[0],
  where: (scope: Scope) => Prisma.EventWhereInput,
): LiveSource<Row> =>
  feedSource<Row>(topic, (context, from, upTo, take) => {
    const { select } = queryFromInfo({ context, info, typeName, select: { id: true, version: true } })
    return context.ports.events.following<Prisma.EventDefaultArgs>({ select }, where(context.scope), from, upTo, take)
  })

/** A feed reads this many events at once, each with the whole selection, and checks that the first still exists. */
const costOfFeed = cost({ statements: 2, rows: feedBatch })

/** Where a feed starts: the transport's value overrides the argument. */
const start = ({ resumeAfter }: Context, after: bigint | null | undefined): bigint | null => resumeAfter ?? after ?? null

const after = 'Continue after this version: first the missed changes. RESYNC when it is too old, or in the future.'

builder.subscriptionFields((t) => ({
  apiKeyChanged: t.field({
    type: ApiKeyChange,
    extensions: costOfFeed,
    description:
      'Every change of a key that the viewer may see; with after, first what was missed since that version. The key is as it is now, not as it was then.',
    args: {
      appId: t.arg.id({ description: 'Only keys of this app.' }),
      instanceId: t.arg.id({ description: 'Only keys of this instance.' }),
      after: t.arg({ type: 'Version', description: after }),
    },
    subscribe: (_root, { appId, instanceId, after: from }, context, info) => {
      if ((appId != null && !isId(appId, 'app')) || (instanceId != null && !isId(instanceId, 'ins'))) throw notFound()
      return feed(
        info,
        'ApiKeyChange',
        {
          subjectIds: [appId, instanceId].filter((id) => id != null),
          right: isMember,
          sameForAll: instanceId != null,
          after: start(context, from),
        },
        (scope) => ({
          organizationId: scope.organizationId,
          kind: { in: keyEventKinds },
          apiKey: keysIn(scope),
          ...(appId != null ? { appId } : {}),
          ...(instanceId != null ? { instanceId } : {}),
        }),
      )
    },
    resolve: (change) => change,
  }),
  events: t.field({
    type: Event,
    extensions: costOfFeed,
    description: 'The audit log, live; for organization owners and Aura Owners.',
    args: { after: t.arg({ type: 'Version', description: after }) },
    subscribe: (_root, { after: from }, context, info) =>
      feed(info, 'Event', { subjectIds: [], right: mayReadAuditLog, sameForAll: false, after: start(context, from) }, (scope) => ({
        organizationId: scope.organizationId,
      })),
    resolve: (event) => event,
  }),
}))
