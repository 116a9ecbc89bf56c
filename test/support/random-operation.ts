import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql'

/**
 * Writes valid operations of a schema; what they ask for is drawn from `random`, ids among `ids`. `aliases`: how often a field stands once more,
 * under an alias and with other arguments; `sizes`: of pages and of lists of ids.
 */
export function createOperationWriter(
  schema: GraphQLSchema,
  random: () => number,
  ids: () => readonly string[],
  { aliases = 0, sizes }: { aliases?: number; sizes?: readonly number[] } = {},
): (kind: 'query' | 'mutation') => string {
  const pick = <Item>(list: readonly Item[]): Item => list[Math.floor(random() * list.length)] as Item
  const scalars: Record<string, () => string> = {
    ID: () => JSON.stringify(pick(ids())),
    String: () => JSON.stringify(pick(['functions', 'key', 'a', '', '%_\\', '\u0000', 'ownA', 'é', 'x'.repeat(65)])),
    Int: () => String(pick(sizes ?? [0, 1, 2, 20, 100, 101, -1, 2_147_483_647])),
    Boolean: () => String(random() < 0.7),
    DateTime: () => JSON.stringify(pick(['2026-12-01T00:00:00Z', '2099-01-01T00:00:00+14:00', '1970-01-01T00:00:00.000Z'])),
    Version: () => String(pick([0, 1, 5, 9_007_199_254_740_991])),
  }
  const value = (type: GraphQLInputType): string => {
    if (isNonNullType(type)) return value(type.ofType)
    if (isListType(type))
      return `[${Array.from({ length: sizes && getNamedType(type).name === 'ID' ? pick(sizes) : Math.floor(random() * 3) }, () => value(type.ofType)).join(', ')}]`
    if (isEnumType(type)) return pick(type.getValues()).name
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields()).filter((field) => isNonNullType(field.type) || random() < 0.4)
      return `{ ${fields.map((field) => `${field.name}: ${value(field.type)}`).join(', ')} }`
    }
    return scalars[getNamedType(type).name]?.() ?? 'null'
  }
  const call = (field: GraphQLField<unknown, unknown>): string => {
    // Where sizes matter nothing shall be refused for a cursor that is none, or for two directions at once.
    const isAllowed = (name: string): boolean => sizes === undefined || !['after', 'before', 'last'].includes(name)
    const given = field.args.filter((argument) => isNonNullType(argument.type) || (random() < 0.4 && isAllowed(argument.name)))
    return `${field.name}${given.length > 0 ? `(${given.map((argument) => `${argument.name}: ${value(argument.type)}`).join(', ')})` : ''}`
  }
  const selection = (output: GraphQLOutputType, depth: number): string => {
    const type = getNamedType(output)
    if (isLeafType(type)) return ''
    const fields = isObjectType(type) ? Object.values(type.getFields()) : []
    const leaves = fields.filter((field) => isLeafType(getNamedType(field.type)) && random() < 0.5)
    const nested = depth > 0 ? fields.filter((field) => !isLeafType(getNamedType(field.type)) && random() < 0.5).slice(0, 4) : []
    const again = aliases > 0 ? nested.flatMap((field) => Array.from({ length: Math.floor(random() * (aliases + 1)) }, () => field)) : []
    const written = (field: GraphQLField<unknown, unknown>): string => `${call(field)} ${selection(field.type, depth - 1)}`
    // Each with an alias of its own: two of one name with different arguments would not merge.
    return `{ __typename ${[...leaves, ...nested].map(written).join(' ')} ${again.map((field, index) => `a${index}: ${written(field)}`).join(' ')} }`
  }
  return (kind) => {
    const root = (kind === 'query' ? schema.getQueryType() : schema.getMutationType()) as GraphQLObjectType
    const field = pick(Object.values(root.getFields()))
    return `${kind} { ${call(field)} ${selection(field.type, 4)} }`
  }
}
