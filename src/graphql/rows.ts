import DataLoader from 'dataloader'
import type { Scope } from '../access/scope.ts'
import type { InstanceRole } from '../generated/prisma/enums.ts'
import type { IdPrefix } from '../ids.ts'
import type { Stores } from '../ports.ts'
import { type NodeRow, nodeTypes } from './node-types.ts'
import type { Pace } from './pace.ts'

/** Facts of rows outside any selection. */
interface Facts {
  /** An event of a key in scope, for members without the audit log. */
  keyChange: NodeRow<'evt'>
  /** How many instances of an app match the query. */
  instanceCount: number
  /** How many members have a role on an instance. */
  accessCount: number
  /** The role of the scope's member on an instance. */
  instanceRole: InstanceRole | null
}

type Kind = IdPrefix | keyof Facts
type Found<Of extends Kind> = Of extends IdPrefix ? NodeRow<Of> : Of extends keyof Facts ? Facts[Of] : never

export interface Rows {
  /**
   * Returns what is found for the id, null if nothing is in scope; one statement per kind, query and execution step. A query for rows must
   * select the id, which identifies them.
   */
  load<Of extends Kind>(kind: Of, query: object, id: string): Promise<Found<Of> | null>
}

type Read = (query: object, scope: Scope, ids: readonly string[]) => Promise<ReadonlyMap<string, unknown>>
type Among = (...asked: Parameters<Read>) => Promise<{ id: string }[]>

const byId =
  (among: unknown): Read =>
  async (...asked) =>
    new Map((await (among as Among)(...asked)).map((row) => [row.id, row]))

interface Asked {
  readonly kind: Kind
  readonly query: object
  readonly id: string
}

export function createRows(stores: Stores, scope: Scope, pace: Pace): Rows {
  const facts: Record<keyof Facts, Read> = {
    keyChange: byId(stores.events.keyChangesAmong),
    instanceCount: (where, _scope, appIds) => stores.instances.countsByApp(where, appIds),
    accessCount: (_query, _scope, ids) => stores.instances.accessCounts(ids),
    instanceRole: (_query, { memberId }, ids) => stores.instances.rolesOf(memberId, ids),
  }
  const readerOf = (kind: Kind): Read => (kind in facts ? facts[kind as keyof Facts] : byId(nodeTypes[kind as IdPrefix].among(stores)))
  // A hundred rows often share one query object.
  const texts = new WeakMap<object, string>()
  const textOf = (query: object): string => {
    const text = texts.get(query) ?? JSON.stringify(query)
    texts.set(query, text)
    return text
  }
  const read = async (asked: readonly Asked[]): Promise<unknown[]> => {
    const [first] = asked
    if (first && asked.every(({ kind, query }) => kind === first.kind && query === first.query)) {
      const found = await readerOf(first.kind)(first.query, scope, [...new Set(asked.map(({ id }) => id))])
      return asked.map(({ id }) => found.get(id) ?? null)
    }
    const groups = new Map<string, { kind: Kind; query: object; ids: Set<string>; found: ReadonlyMap<string, unknown> }>()
    const groupOf = asked.map(({ kind, query, id }) => {
      const name = `${kind} ${textOf(query)}`
      const group = groups.get(name) ?? { kind, query, ids: new Set(), found: new Map() }
      groups.set(name, group)
      group.ids.add(id)
      return group
    })
    await Promise.all(
      [...groups.values()].map(async (group) => {
        group.found = await readerOf(group.kind)(group.query, scope, [...group.ids])
      }),
    )
    return asked.map(({ id }, index) => groupOf[index]?.found.get(id) ?? null)
  }
  const loader = new DataLoader<Asked, unknown>(read, { cache: false, batchScheduleFn: pace.whenAsked })
  return {
    // One loader serves all kinds: what it returns for a kind has the type of that kind.
    load: async <Of extends Kind>(kind: Of, query: object, id: string) => {
      const row = (await loader.load({ kind, query, id })) as Found<Of> | null
      return pace.isPaced ? pace.row(row, `${kind} ${textOf(query)}`) : row
    },
  }
}
