import DataLoader from 'dataloader'
import type { Scope } from '../access/scope.ts'
import type { Ports } from '../ports.ts'

interface Types {
  keys: NonNullable<Awaited<ReturnType<Ports['keys']['find']>>>
  secrets: NonNullable<Awaited<ReturnType<Ports['secrets']['find']>>>
}

type Among = (query: object, scope: Scope, ids: readonly string[]) => Promise<{ id: string }[]>

export interface Rows {
  /** The row with the client's selection, null out of scope; those of one selection are one statement per step of the execution. */
  load<Kind extends keyof Types>(kind: Kind, query: object, id: string): Promise<Types[Kind] | null>
}

type Asked = { kind: keyof Types; query: object; id: string }

export function createRows(ports: Pick<Ports, keyof Types>, scope: () => Scope): Rows {
  const read = async (asked: readonly Asked[]): Promise<(object | null)[]> => {
    const groups = new Map<string, Asked[]>()
    for (const each of asked) {
      const selection = each.kind + JSON.stringify(each.query)
      groups.set(selection, [...(groups.get(selection) ?? []), each])
    }
    const found = new Map<Asked, object>()
    for (const group of groups.values()) {
      const [{ kind, query }] = group as [Asked]
      const rows = await (ports[kind].among as unknown as Among)(
        query,
        scope(),
        group.map(({ id }) => id),
      )
      for (const each of group) {
        const row = rows.find(({ id }) => id === each.id)
        if (row) found.set(each, row)
      }
    }
    return asked.map((each) => found.get(each) ?? null)
  }
  const loader = new DataLoader<Asked, object | null>(read, { cache: false })
  return { load: (kind, query, id) => loader.load({ kind, query, id }) as never }
}
