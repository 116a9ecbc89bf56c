import { queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import { isMember } from '../access/rights.ts'
import { badInput, notFound } from '../errors.ts'
import { builder } from '../graphql/builder.ts'
import type { Context } from '../graphql/context.ts'
import { LiveSource } from '../graphql/live-source.ts'
import { cost } from '../graphql/price.ts'
import { isId } from '../ids.ts'
import type { Topic } from '../topic.ts'
import type { Counts } from './model.ts'
import { KeyCounts } from './schema.ts'

/** More apps and instances than this one subscription cannot watch. */
const maxSubjects = 100

/** The counts of these, or of the whole organization. An instance has the same counts for everybody who may see it; an app has not. */
function watching(appIds: readonly string[], instanceIds: readonly string[], organizationId: string): Topic {
  const subjectIds = [...appIds, ...instanceIds]
  if (!appIds.every((id) => isId(id, 'app')) || !instanceIds.every((id) => isId(id, 'ins'))) throw notFound()
  return {
    subjectIds,
    right: isMember,
    sameForAll: appIds.length === 0 && instanceIds.length > 0,
    source: { kind: 'counts', ids: subjectIds.length > 0 ? subjectIds : [organizationId] },
  }
}

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
  const { ports, scope } = context
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
    extensions: cost({ statements: 1 }),
    description:
      "Current counts at once, then whenever a number changes. Neither argument: everything the viewer may see. Ends with NOT_FOUND when the subject leaves the viewer's scope.",
    args: {
      appId: t.arg.id({ description: 'The keys of this app.' }),
      instanceId: t.arg.id({ description: 'The keys of this instance.' }),
    },
    subscribe: (_root, { appId, instanceId }, { actor }) => {
      if (appId != null && instanceId != null) throw badInput('instanceId', 'give appId or instanceId, not both')
      const topic = watching(appId == null ? [] : [appId], instanceId == null ? [] : [instanceId], actor.organizationId)
      return new LiveSource(topic, { ofCounts: ([counts]) => counts }) as AsyncIterable<never>
    },
    resolve: (counts) => counts,
  }),
  keyCountsOf: t.field({
    type: [KeyCountsOf],
    extensions: cost(({ appIds, instanceIds }) => ({ statements: 1, rows: Math.min([appIds ?? [], instanceIds ?? []].flat().length, maxSubjects) })),
    description:
      'The same for a page of apps and instances over one subscription; each message holds those that changed, the first one all, and so does one to a client that read too slowly. At most 100 ids. Ends with NOT_FOUND when one of them leaves the scope of the viewer.',
    args: {
      appIds: t.arg.idList({ description: 'Apps to watch.' }),
      instanceIds: t.arg.idList({ description: 'Instances to watch.' }),
    },
    subscribe: (_root, input, { actor }) => {
      const [appIds, instanceIds] = [[...new Set(input.appIds)], [...new Set(input.instanceIds)]]
      const size = appIds.length + instanceIds.length
      if (size < 1 || size > maxSubjects) throw badInput('instanceIds', `give 1 to ${maxSubjects} ids, of apps and instances together`)
      return new LiveSource(watching(appIds, instanceIds, actor.organizationId), { ofCounts: (changed) => changed }) as AsyncIterable<never>
    },
    resolve: (changed, _arguments, context, info) => withSubjects(changed, context, info),
  }),
}))
