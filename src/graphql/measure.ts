import { type DocumentNode, type FieldNode, type FragmentDefinitionNode, Kind, type SelectionSetNode } from 'graphql'

/** The contents of a selection set, with its fragments spread. */
export interface Measure {
  readonly depth: number
  readonly aliases: number
  /** Fields of the set itself, without nested ones. */
  readonly fields: number
  readonly schemas: number
  readonly types: number
  /** Aliases inside introspection. */
  readonly introspected: number
}

/** Counting stops here: fragments that each spread the next one twice would otherwise exceed the range of a number. */
export const countedTo = 1_000_000

const none: Measure = { depth: 0, aliases: 0, fields: 0, schemas: 0, types: 0, introspected: 0 }

const sum = (a: number, b: number): number => Math.min(a + b, countedTo)

const together = (a: Measure, b: Measure): Measure => ({
  depth: Math.max(a.depth, b.depth),
  aliases: sum(a.aliases, b.aliases),
  fields: sum(a.fields, b.fields),
  schemas: sum(a.schemas, b.schemas),
  types: sum(a.types, b.types),
  introspected: sum(a.introspected, b.introspected),
})

function withField({ name, alias }: FieldNode, inner: Measure, root: boolean): Measure {
  const isSchema = name.value === '__schema'
  const isType = name.value === '__type'
  return {
    // Introspection is exempt from the depth, by field name (not alias) and only at the root.
    depth: root && (isSchema || isType) ? 1 : 1 + inner.depth,
    aliases: sum(inner.aliases, alias ? 1 : 0),
    fields: 1,
    schemas: sum(inner.schemas, isSchema ? 1 : 0),
    types: sum(inner.types, isType ? 1 : 0),
    introspected: isSchema || isType ? inner.aliases : inner.introspected,
  }
}

/** Measures the selection sets of a document, each fragment only once. `root`: the set belongs directly to the operation. */
export function createMeasure(document: DocumentNode): (set: SelectionSetNode, root: boolean) => Measure {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions) if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  const known = new Map<string, Measure>()

  function ofFragment(name: string, root: boolean): Measure {
    const key = `${root} ${name}`
    const before = known.get(key)
    if (before) return before
    // Another rule rejects a fragment inside itself; this one only must not loop forever.
    known.set(key, none)
    const fragment = fragments.get(name)
    const measure = fragment ? ofSet(fragment.selectionSet, root) : none
    known.set(key, measure)
    return measure
  }

  function ofSet(set: SelectionSetNode, root: boolean): Measure {
    let measure = none
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        const inner = selection.selectionSet ? ofSet(selection.selectionSet, false) : none
        measure = together(measure, withField(selection, inner, root))
      } else if (selection.kind === Kind.INLINE_FRAGMENT) measure = together(measure, ofSet(selection.selectionSet, root))
      else measure = together(measure, ofFragment(selection.name.value, root))
    }
    return measure
  }
  return ofSet
}
