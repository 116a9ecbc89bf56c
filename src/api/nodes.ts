import { queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import { isMember } from '../access/rights.ts'
import { badInput } from '../errors.ts'
import { builder } from '../graphql/builder.ts'
import type { Context } from '../graphql/context.ts'
import { Node } from '../graphql/node.ts'
import { maxPageSize } from '../graphql/pages.ts'
import { cost } from '../graphql/price.ts'
import { type Rules, requires } from '../graphql/rules.ts'

export const nodeRules: Rules = { Query: { node: requires(isMember), nodes: requires(isMember) } }

type Find = (id: string) => Promise<{ id: string } | null>

/** Finds the row behind an id of any type, if it is in the actor's scope; ids of one type are one statement, and an id is read once. */
function createFind(context: Context, info: GraphQLResolveInfo): Find {
  const { ports, scope, rows } = context
  const select = (typeName: string) => queryFromInfo({ context, info, typeName }) as object
  // Its selection is planned with the first id of a type, once for all of them.
  const among = (typeName: string, kind: 'members' | 'apps' | 'instances' | 'keys' | 'secrets' | 'events'): Find => {
    let query: object | null = null
    return (id) => {
      query ??= select(typeName)
      return rows.load(kind, query, id) as Promise<{ id: string } | null>
    }
  }
  const nobody: Find = async () => null
  let own: Promise<{ id: string }> | null = null
  const organization: Find = async (id) => {
    if (id !== scope.organizationId) return null
    own ??= ports.organizations.find(select('Organization'), scope)
    return own
  }
  const finds: Readonly<Record<string, Find>> = {
    org_: organization,
    mem_: among('Member', 'members'),
    app_: among('App', 'apps'),
    ins_: among('AppInstance', 'instances'),
    key_: among('ApiKey', 'keys'),
    sec_: among('Secret', 'secrets'),
    evt_: scope.all ? among('Event', 'events') : nobody,
  }
  return (id) => (finds[id.slice(0, 4)] ?? nobody)(id)
}

/** A statement for each type of these ids. */
const costOfNodes = cost(({ ids }) => {
  const given: unknown[] = Array.isArray(ids) ? ids : [ids]
  return { statements: new Set(given.map((id) => String(id).slice(0, 4))).size, rows: Math.min(given.length, maxPageSize) }
})

builder.queryFields((t) => ({
  node: t.field({
    type: Node,
    nullable: true,
    description: 'Whatever has this id; null when the viewer may see nothing with it.',
    args: { id: t.arg.id({ required: true, description: 'An id of any type.' }) },
    resolve: (_root, { id }, context, info) => createFind(context, info)(id),
  }),
  nodes: t.field({
    type: [Node],
    nullable: { list: false, items: true },
    description: 'The same for at most 100 ids, in their order.',
    args: { ids: t.arg.idList({ required: true, description: 'Ids of any type.' }) },
    extensions: costOfNodes,
    resolve: (_root, { ids }, context, info) => {
      if (ids.length > maxPageSize) throw badInput('ids', `must have at most ${maxPageSize} ids`)
      return ids.map(createFind(context, info))
    },
  }),
}))
