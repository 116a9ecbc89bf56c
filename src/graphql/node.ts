import { builder } from './builder.ts'
import { nodeTypes, prefixOf } from './node-types.ts'

/** Any row with a global id. The prefix of the id gives the type. */
export const Node = builder.interfaceRef<{ id: string }>('Node').implement({
  description: 'Any row with a global id.',
  fields: (t) => ({ id: t.exposeID('id', { description: 'A TypeID: the same text here, in REST, in logs and in the database.' }) }),
  resolveType: ({ id }) => {
    const prefix = prefixOf(id)
    return prefix ? nodeTypes[prefix].name : undefined
  },
})
