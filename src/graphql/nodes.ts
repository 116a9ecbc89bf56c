import { queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import { isMember, type Rules } from '../access/rules.ts'
import { badInput } from '../errors.ts'
import { builder } from './builder.ts'
import type { Context } from './context.ts'
import { Node } from './node.ts'
import { maxPageSize } from './pages.ts'

export const nodeRules: Rules = { Query: { node: isMember, nodes: isMember } }

/** The row behind an id of any type, if it is in the actor's scope. */
function find(id: string, context: Context, info: GraphQLResolveInfo): Promise<{ id: string } | null> {
  const { ports, scope } = context
  const query = (typeName: string) => queryFromInfo({ context, info, typeName }) as object
  switch (id.slice(0, 4)) {
    case 'org_':
      return id === scope.organizationId ? ports.organizations.find(query('Organization'), scope) : Promise.resolve(null)
    case 'mem_':
      return ports.members.find(query('Member'), scope, id)
    case 'app_':
      return ports.apps.find(query('App'), scope, { id })
    case 'ins_':
      return ports.instances.find(query('AppInstance'), scope, id)
    case 'key_':
      return ports.keys.find(query('ApiKey'), scope, id)
    case 'sec_':
      return ports.secrets.find(query('Secret'), scope, id)
    case 'evt_':
      return ports.events.find(query('Event'), scope, id)
    default:
      return Promise.resolve(null)
  }
}

builder.queryFields((t) => ({
  node: t.field({
    type: Node,
    nullable: true,
    description: 'Whatever has this id; null when the viewer may see nothing with it.',
    args: { id: t.arg.id({ required: true, description: 'An id of any type.' }) },
    resolve: (_root, { id }, context, info) => find(id, context, info),
  }),
  nodes: t.field({
    type: [Node],
    nullable: { list: false, items: true },
    description: 'The same for at most 100 ids, in their order.',
    args: { ids: t.arg.idList({ required: true, description: 'Ids of any type.' }) },
    resolve: (_root, { ids }, context, info) => {
      if (ids.length > maxPageSize) throw badInput('ids', `must have at most ${maxPageSize} ids`)
      return ids.map((id) => find(id, context, info))
    },
  }),
}))
