import { queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import { isMember } from '../access/rights.ts'
import { badInput } from '../errors.ts'
import { builder } from '../graphql/builder.ts'
import type { Context } from '../graphql/context.ts'
import { Node } from '../graphql/node.ts'
import { nodeTypes, prefixOf } from '../graphql/node-types.ts'
import { maxPageSize } from '../graphql/pages.ts'
import { cost } from '../graphql/price.ts'
import { type Rules, requires } from '../graphql/rules.ts'
import type { IdPrefix } from '../ids.ts'

export const nodeRules: Rules = { Query: { node: requires(isMember), nodes: requires(isMember) } }

type Find = (id: string) => Promise<{ id: string } | null>

/** Finds the row with an id of any type, if it is in the actor's scope; one statement per type. */
function createFind(context: Context, info: GraphQLResolveInfo): Find {
  // The selection of a type is planned once, with its first id.
  const queries = new Map<IdPrefix, object>()
  const queryOf = (prefix: IdPrefix): object => {
    const query = queries.get(prefix) ?? queryFromInfo({ context, info, typeName: nodeTypes[prefix].name })
    queries.set(prefix, query)
    return query
  }
  return async (id) => {
    const prefix = prefixOf(id)
    return prefix && context.rows.load(prefix, queryOf(prefix), id)
  }
}

/** A statement for each type of these ids. */
const costOfNodes = cost(({ ids }) => {
  const given: unknown[] = Array.isArray(ids) ? ids : [ids]
  return { statements: new Set(given.map((id) => prefixOf(String(id)))).size, rows: Math.min(given.length, maxPageSize) }
})

builder.queryFields((t) => ({
  node: t.field({
    type: Node,
    nullable: true,
    description: 'The row with this id; null when the viewer may not see one.',
    args: { id: t.arg.id({ required: true, description: 'An id of any type.' }) },
    resolve: (_root, { id }, context, info) => createFind(context, info)(id),
  }),
  nodes: t.field({
    type: [Node],
    nullable: { list: false, items: true },
    description: 'Like node, for at most 100 ids, in their order.',
    args: { ids: t.arg.idList({ required: true, description: 'Ids of any type.' }) },
    extensions: costOfNodes,
    resolve: (_root, { ids }, context, info) => {
      if (ids.length > maxPageSize) throw badInput('ids', `must have at most ${maxPageSize} ids`)
      return ids.map(createFind(context, info))
    },
  }),
}))
