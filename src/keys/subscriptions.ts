import { queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import { builder } from '../graphql/builder.ts'
import { type Context, renew } from '../graphql/context.ts'
import { openSource, received } from '../graphql/source.ts'
import { KeyCounts } from './schema.ts'
import type { Counts } from './store.ts'
import { watchKeyCounts } from './watch-key-counts.ts'
import { watchKeyCountsOf } from './watch-key-counts-of.ts'

interface CountsOf {
  app: object | null
  instance: object | null
  counts: Counts
}

const KeyCountsOf = builder.objectRef<CountsOf>('KeyCountsOf').implement({
  description: 'The counts of one app or one instance.',
  fields: (t) => ({
    // By their names, since the types are other features'. The rows came with the client's selection, for all subjects in one statement.
    app: t.field({ type: 'App' as never, nullable: true, description: 'The app, when it was asked for by appIds.', resolve: ({ app }) => app as never }),
    instance: t.field({
      type: 'AppInstance' as never,
      nullable: true,
      description: 'The instance, when it was asked for by instanceIds.',
      resolve: ({ instance }) => instance as never,
    }),
    counts: t.expose('counts', { type: KeyCounts, description: 'The numbers.' }),
  }),
})

/** Gives each subject its row, one statement for the apps and one for the instances, and none for what was not selected. */
async function withSubjects(changed: readonly Counts[], context: Context, info: GraphQLResolveInfo): Promise<CountsOf[]> {
  const { ports } = context
  const scope = await ports.members.scopeNow(context.actor)
  renew(context, scope)
  const rowsOf = async (path: 'app' | 'instance', prefix: string): Promise<Map<string, object>> => {
    const ids = changed.map((counts) => counts.subjectId).filter((id) => id.startsWith(prefix))
    if (ids.length === 0) return new Map()
    const query = queryFromInfo({ context, info, typeName: path === 'app' ? 'App' : 'AppInstance', path: [path], select: { id: true } }) as object
    const rows = path === 'app' ? await ports.apps.among(query, scope, ids) : await ports.instances.among(query, scope, ids)
    return new Map((rows as { id: string }[]).map((row) => [row.id, row]))
  }
  const [apps, instances] = [await rowsOf('app', 'app_'), await rowsOf('instance', 'ins_')]
  return changed.map((counts) => ({ app: apps.get(counts.subjectId) ?? null, instance: instances.get(counts.subjectId) ?? null, counts }))
}

builder.subscriptionFields((t) => ({
  keyCounts: t.field({
    type: KeyCounts,
    description:
      "Current counts at once, then whenever a number changes. Neither argument: everything the viewer may see. Ends with NOT_FOUND when the subject leaves the viewer's scope.",
    args: {
      appId: t.arg.id({ description: 'The keys of this app.' }),
      instanceId: t.arg.id({ description: 'The keys of this instance.' }),
    },
    subscribe: (_root, subject, context) => openSource(context, (signal) => watchKeyCounts(context.ports, context.actor, subject, signal)),
    resolve: (counts, _arguments, context) => {
      const numbers = received(counts)
      context.delivered = numbers.version
      return numbers
    },
  }),
  keyCountsOf: t.field({
    type: [KeyCountsOf],
    description:
      'The same for a page of apps and instances over one subscription; each message holds those that changed, the first one all. At most 100 ids. Ends with NOT_FOUND when one of them leaves the scope of the viewer.',
    args: {
      appIds: t.arg.idList({ description: 'Apps to watch.' }),
      instanceIds: t.arg.idList({ description: 'Instances to watch.' }),
    },
    subscribe: (_root, subjects, context) => openSource(context, (signal) => watchKeyCountsOf(context.ports, context.actor, subjects, signal)),
    resolve: (changed, _arguments, context, info) => {
      const counts = received(changed)
      context.delivered = counts[0]?.version ?? null
      return withSubjects(counts, context, info)
    },
  }),
}))
