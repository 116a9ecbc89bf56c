import { builder } from './builder.ts'

/** Whatever has a global id. The prefix of the id says which type it is. */
export const Node = builder.interfaceRef<{ id: string }>('Node').implement({
  description: 'Whatever has a global id.',
  fields: (t) => ({ id: t.exposeID('id', { description: 'A TypeID: the same text here, in REST, in logs and in the database.' }) }),
  resolveType: (node) => typeNames[node.id.slice(0, 3)],
})

const typeNames: Readonly<Record<string, string>> = {
  org: 'Organization',
  mem: 'Member',
  app: 'App',
  ins: 'AppInstance',
  key: 'ApiKey',
  sec: 'Secret',
  evt: 'Event',
}
