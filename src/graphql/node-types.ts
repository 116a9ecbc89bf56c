import type { Scope } from '../access/scope.ts'
import type { IdPrefix } from '../ids.ts'
import type { Stores } from '../ports.ts'

/** Finds the given rows that are in scope, with the client's selection. */
type Among = (query: never, scope: Scope, ids: readonly string[]) => Promise<{ id: string }[]>

interface NodeType {
  /** The name of the type and of its Prisma model. */
  readonly name: string
  readonly among: (stores: Stores) => Among
}

/** Every type with a global id, by id prefix: all that the API knows about how to find its rows. */
export const nodeTypes = {
  org: { name: 'Organization', among: ({ organizations }) => organizations.among },
  mem: { name: 'Member', among: ({ members }) => members.among },
  app: { name: 'App', among: ({ apps }) => apps.among },
  ins: { name: 'AppInstance', among: ({ instances }) => instances.among },
  key: { name: 'ApiKey', among: ({ keys }) => keys.among },
  sec: { name: 'Secret', among: ({ secrets }) => secrets.among },
  evt: { name: 'Event', among: ({ events }) => events.among },
} satisfies Record<IdPrefix, NodeType>

type Finder<Prefix extends IdPrefix> = ReturnType<(typeof nodeTypes)[Prefix]['among']>
/** A row of the type with this prefix, with a selection that only the client knows. */
export type NodeRow<Prefix extends IdPrefix> = Finder<Prefix> extends (...parameters: never[]) => Promise<(infer Row)[]> ? Row : never

/** Returns the prefix of an id; null when it is unknown. */
export const prefixOf = (id: string): IdPrefix | null => {
  const prefix = id.slice(0, id.indexOf('_'))
  return Object.hasOwn(nodeTypes, prefix) ? (prefix as IdPrefix) : null
}
