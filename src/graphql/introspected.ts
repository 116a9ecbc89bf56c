import {
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getNamedType,
  introspectionTypes,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql'

const [schemaType, typeType] = ['__Schema', '__Type'].map((name) => introspectionTypes.find((type) => type.name === name)) as [
  GraphQLObjectType,
  GraphQLObjectType,
]

/**
 * Counts the objects in an introspection response. The schema is in memory, so the real resolvers give an exact count;
 * counting stops when one part has more than `enough`.
 */
export function countIntrospected(
  schema: GraphQLSchema,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  enough: number,
): (set: SelectionSetNode | undefined, values: readonly unknown[]) => number {
  const known = new Map<SelectionSetNode, Map<unknown, number>>()
  let most = 0

  const children = (type: GraphQLObjectType, name: string, value: unknown): unknown[] => {
    const found = type.getFields()[name]?.resolve?.(value, { includeDeprecated: true }, null, { schema } as GraphQLResolveInfo) as unknown
    return Array.isArray(found) ? found : found == null ? [] : [found]
  }

  function ofSet(set: SelectionSetNode, type: GraphQLObjectType, value: unknown): number {
    const values = known.get(set) ?? new Map<unknown, number>()
    known.set(set, values)
    const before = values.get(value)
    if (before !== undefined) return before
    let sum = 0
    for (const selection of set.selections) {
      if (Math.max(most, sum) > enough) break
      if (selection.kind !== Kind.FIELD) {
        const inner = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)
        if (inner) sum += ofSet(inner.selectionSet, type, value)
        continue
      }
      if (selection.alias) sum += 1
      const below = type.getFields()[selection.name.value]
      const belowType = below && getNamedType(below.type)
      if (!selection.selectionSet || !isObjectType(belowType)) continue
      for (const child of children(type, selection.name.value, value)) sum += 1 + ofSet(selection.selectionSet, belowType, child)
    }
    most = Math.max(most, sum)
    values.set(value, sum)
    return sum
  }
  return (set, values) =>
    set ? values.reduce<number>((sum, value) => sum + (value == null ? 0 : 1 + ofSet(set, value === schema ? schemaType : typeType, value)), 0) : 0
}
