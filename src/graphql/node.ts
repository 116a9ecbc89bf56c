import { builder } from './builder.ts'
import { nodeTypes, prefixOf } from './node-types.ts'

/** Whatever has a global id. The prefix of the id says which type it is. */
export const Node = builder.interfaceRef<{ id: string }>('Node').implement({
  description: 'Whatever has a global id.',
  fields: (t) => ({ id: t.exposeID('id', { description: 'A TypeID: the same text here, in REST, in logs and in the database.' }) }),
  resolveType: ({ id }) => {
    const prefix = prefixOf(id)
    return prefix ? nodeTypes[prefix].name : undefined
  },
})
