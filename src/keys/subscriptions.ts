import { getRefFromModel, queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import { isMember } from '../access/rights.ts'
import { badInput, notFound } from '../errors.ts'
import { builder } from '../graphql/builder.ts'
import type { Context } from '../graphql/context.ts'
import { countsSource } from '../graphql/live-source.ts'
import { type NodeRow, nodeTypes, prefixOf } from '../graphql/node-types.ts'
import { cost } from '../graphql/price.ts'
import { isId } from '../ids.ts'
import type { Counts } from './model.ts'
import { KeyCounts } from './schema.ts'

/** The most apps and instances that one subscription can watch. */
const maxSubjects = 100

/** The counts of these, or of the whole organization. An instance has the same counts for every viewer; an app does not. */
function subjectsOf(appIds: readonly string[], instanceIds: readonly string[], organizationId: string): Parameters<typeof countsSource>[0] {
  const subjectIds = [...appIds, ...instanceIds]
  if (!appIds.every((id) => isId(id, 'app')) || !instanceIds.every((id) => isId(id, 'ins'))) throw notFound()
  return {
    subjectIds,
    right: isMember,
    sameForAll: appIds.length === 0 && instanceIds.length > 0,
    ids: subjectIds.length > 0 ? subjectIds : [organizationId],
  }
}

interface CountsOf {
  app: NodeRow<'app'> | null
  instance: NodeRow<'ins'> | null
  counts: Counts
}

const KeyCountsOf = builder.objectRef<CountsOf>('KeyCountsOf').implement({
  description: 'The counts of one app or one instance.',
  fields: (t) => ({
    // The rows came with the client's selection, for all subjects in one statement.
    app: t.expose('app', { type: getRefFromModel('App', builder), nullable: true, description: 'The app, if it was in appIds.' }),
    instance: t.expose('instance', {
      type: getRefFromModel('AppInstance', builder),
      nullable: true,
      description: 'The instance, if it was in instanceIds.',
    }),
    counts: t.expose('counts', {
      type: KeyCounts,
      description: 'The numbers. A cache that knows rows by id is updated by the same numbers in keyCounts of the app or instance.',
    }),
  }),
})

/** Adds each subject's row: one statement for the apps and one for the instances. */
async function withSubjects(changed: readonly Counts[], context: Context, info: GraphQLResolveInfo): Promise<CountsOf[]> {
  // Their field keyCounts has these numbers too, without another read: a cache that knows rows by id gets them only there.
  for (const counts of changed) context.counts.prime(counts.subjectId, counts)
  const finder = <Prefix extends 'app' | 'ins'>(prefix: Prefix, field: string) => {
    const query = queryFromInfo({ context, info, typeName: nodeTypes[prefix].name, path: [field], select: { id: true } })
    return (id: string) => (prefixOf(id) === prefix ? context.rows.load(prefix, query, id) : null)
  }
  const [appOf, instanceOf] = [finder('app', 'app'), finder('ins', 'instance')]
  return Promise.all(
    changed.map(async (counts) => {
      const [app, instance] = await Promise.all([appOf(counts.subjectId), instanceOf(counts.subjectId)])
      return { app, instance, counts }
    }),
  )
}

builder.subscriptionFields((t) => ({
  keyCounts: t.field({
    type: KeyCounts,
    extensions: cost({ statements: 1 }),
    description:
      "Current counts at once, then whenever a number changes. Without arguments: everything the viewer may see. Ends with NOT_FOUND when the subject leaves the viewer's scope.",
    args: {
      appId: t.arg.id({ description: 'The keys of this app.' }),
      instanceId: t.arg.id({ description: 'The keys of this instance.' }),
    },
    subscribe: (_root, { appId, instanceId }, { actor }) => {
      if (appId != null && instanceId != null) throw badInput('instanceId', 'give appId or instanceId, not both')
      const subjects = subjectsOf(appId == null ? [] : [appId], instanceId == null ? [] : [instanceId], actor.organizationId)
      // It follows one subject, so there is one count.
      return countsSource(subjects, ([counts]) => counts as Counts)
    },
    resolve: (counts) => counts,
  }),
  keyCountsOf: t.field({
    type: [KeyCountsOf],
    extensions: cost(({ appIds, instanceIds }) => ({ statements: 1, rows: Math.min([appIds ?? [], instanceIds ?? []].flat().length, maxSubjects) })),
    description:
      'Like keyCounts, for a page of apps and instances over one subscription. A message has the changed counts; the first has all, and so has one to a client that read too slowly. At most 100 ids. Ends with NOT_FOUND when one of them leaves the scope of the viewer.',
    args: {
      appIds: t.arg.idList({ description: 'Apps to watch.' }),
      instanceIds: t.arg.idList({ description: 'Instances to watch.' }),
    },
    subscribe: (_root, input, { actor }) => {
      const [appIds, instanceIds] = [[...new Set(input.appIds)], [...new Set(input.instanceIds)]]
      const size = appIds.length + instanceIds.length
      if (size < 1 || size > maxSubjects) throw badInput('instanceIds', `give 1 to ${maxSubjects} ids, of apps and instances together`)
      return countsSource(subjectsOf(appIds, instanceIds, actor.organizationId), (changed) => changed)
    },
    resolve: (changed, _arguments, context, info) => withSubjects(changed, context, info),
  }),
}))
