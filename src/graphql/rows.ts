import DataLoader from 'dataloader'
import type { Scope } from '../access/scope.ts'
import type { InstanceRole } from '../generated/prisma/enums.ts'
import type { Ports } from '../ports.ts'
import type { Pace } from './pace.ts'

type Found<Store extends keyof Ports> = Ports[Store] extends { among(...parameters: never[]): Promise<(infer Row)[]> } ? Row : never

/** What is found by ids: rows with the client's selection, and facts of rows that no selection says. */
interface Types {
  apps: Found<'apps'>
  instances: Found<'instances'>
  keys: Found<'keys'>
  members: Found<'members'>
  secrets: Found<'secrets'>
  events: Found<'events'>
  /** Events of keys in scope, for whoever may not read the audit log. */
  keyChanges: Found<'events'>
  /** How many instances an app has that match the query. */
  instanceCount: number
  /** How many members have a role on an instance. */
  accessCount: number
  /** The role of the scope's member on an instance. */
  instanceRole: InstanceRole
}

export interface Rows {
  /** What is found for the id, null if nothing is in scope; that of one kind and query is one statement per step of the execution. */
  load<Kind extends keyof Types>(kind: Kind, query: object, id: string): Promise<Types[Kind] | null>
}

type Read = (query: object, scope: Scope, ids: readonly string[]) => Promise<ReadonlyMap<string, unknown>>
type Among = (query: object, scope: Scope, ids: readonly string[]) => Promise<{ id: string }[]>

const rows =
  (among: unknown): Read =>
  async (...asked) =>
    new Map((await (among as Among)(...asked)).map((row) => [row.id, row]))

interface Asked {
  readonly kind: keyof Types
  readonly query: object
  readonly id: string
}

export function createRows(ports: Pick<Ports, 'apps' | 'instances' | 'keys' | 'members' | 'secrets' | 'events'>, scope: Scope, pace: Pace): Rows {
  const readers: Record<keyof Types, Read> = {
    apps: rows(ports.apps.among),
    instances: rows(ports.instances.among),
    keys: rows(ports.keys.among),
    members: rows(ports.members.among),
    secrets: rows(ports.secrets.among),
    events: rows(ports.events.among),
    keyChanges: rows(ports.events.keyChangesAmong),
    instanceCount: (where, _scope, appIds) => ports.instances.countsByApp(where, appIds),
    accessCount: (_query, _scope, ids) => ports.instances.accessCounts(ids),
    instanceRole: (_query, { memberId }, ids) => ports.instances.rolesOf(memberId, ids),
  }
  // One query object often stands for a hundred rows.
  const texts = new WeakMap<object, string>()
  const textOf = (query: object): string => {
    const text = texts.get(query) ?? JSON.stringify(query)
    texts.set(query, text)
    return text
  }
  const read = async (asked: readonly Asked[]): Promise<unknown[]> => {
    const groups = new Map<string, { kind: keyof Types; query: object; ids: Set<string>; found: ReadonlyMap<string, unknown> }>()
    const groupOf = asked.map(({ kind, query, id }) => {
      const name = `${kind} ${textOf(query)}`
      const group = groups.get(name) ?? { kind, query, ids: new Set(), found: new Map() }
      groups.set(name, group)
      group.ids.add(id)
      return group
    })
    await Promise.all(
      [...groups.values()].map(async (group) => {
        group.found = await readers[group.kind](group.query, scope, [...group.ids])
      }),
    )
    return asked.map(({ id }, index) => groupOf[index]?.found.get(id) ?? null)
  }
  const loader = new DataLoader<Asked, unknown>(read, { cache: false, batchScheduleFn: pace.whenAsked })
  return { load: async (kind, query, id) => pace.row(await loader.load({ kind, query, id }), `${kind} ${textOf(query)}`) as never }
}
