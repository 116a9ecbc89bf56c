import { type DocumentNode, Kind, type SelectionSetNode } from 'graphql'

/** The fields of one name in merged sets, and the set of their nested fields. */
interface Named {
  count: number
  inner: number | null
}

/** Selection sets that are merged, because the response has one object for them. A number identifies each; united sets share one number. */
function createSets() {
  const parents: number[] = []
  const names: Map<string, Named>[] = []

  function find(set: number): number {
    let root = set
    for (let parent = parents[root]; parent !== undefined && parent !== root; parent = parents[root]) {
      parents[root] = parents[parent] ?? parent
      root = parent
    }
    return root
  }

  /** Unites two sets, and the nested sets that both have under one name. The smaller moves into the larger, so no name moves often. */
  function unite(one: number, other: number): void {
    const waiting: [number, number][] = [[one, other]]
    for (let pair = waiting.pop(); pair; pair = waiting.pop()) {
      const [a, b] = [find(pair[0]), find(pair[1])]
      if (a === b) continue
      const [into, from] = (names[a]?.size ?? 0) < (names[b]?.size ?? 0) ? [b, a] : [a, b]
      parents[from] = into
      for (const [name, { count, inner }] of names[from] ?? []) {
        const both = add(into, name, count, inner)
        if (both) waiting.push(both)
      }
      names[from] = new Map()
    }
  }

  /** Counts fields in a set; returns two inner sets that must be united. */
  function add(set: number, name: string, count: number, inner: number | null): [number, number] | null {
    const known = names[set]?.get(name)
    if (!known) {
      names[set]?.set(name, { count, inner })
      return null
    }
    known.count += count
    if (known.inner !== null && inner !== null) return [known.inner, inner]
    known.inner ??= inner
    return null
  }

  return {
    create: (): number => {
      names.push(new Map())
      return parents.push(parents.length) - 1
    },
    unite,
    field: (set: number, name: string, inner: number | null): void => {
      const both = add(find(set), name, 1, inner)
      if (both) unite(...both)
    },
    names: (): Iterable<ReadonlyMap<string, Named>> => names,
  }
}

/**
 * Returns the name with the most merged fields, and their number: validation compares each pair of them. A field of a fragment counts
 * once, wherever the fragment is spread.
 */
export function mostRepeated(document: DocumentNode): { name: string; count: number } {
  const sets = createSets()
  const fragments = new Map<string, number>()
  for (const definition of document.definitions) if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, sets.create())

  function take({ selections }: SelectionSetNode, set: number): void {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        const inner = selection.selectionSet ? sets.create() : null
        sets.field(set, (selection.alias ?? selection.name).value, inner)
        if (selection.selectionSet && inner !== null) take(selection.selectionSet, inner)
      } else if (selection.kind === Kind.INLINE_FRAGMENT) take(selection.selectionSet, set)
      else sets.unite(set, fragments.get(selection.name.value) ?? set)
    }
  }
  for (const definition of document.definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION) take(definition.selectionSet, sets.create())
    else if (definition.kind === Kind.FRAGMENT_DEFINITION) take(definition.selectionSet, fragments.get(definition.name.value) ?? sets.create())
  }
  let most = { name: '', count: 0 }
  for (const names of sets.names()) for (const [name, { count }] of names) if (count > most.count) most = { name, count }
  return most
}
