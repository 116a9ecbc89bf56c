import {
  type DocumentNode,
  type FieldNode,
  type GraphQLField,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isLeafType,
  isObjectType,
  Kind,
  parse,
  print,
  type SelectionSetNode,
} from 'graphql'

const selectionOf = (text: string): SelectionSetNode => {
  const [definition] = (parse(text) as DocumentNode).definitions
  if (definition?.kind !== Kind.OPERATION_DEFINITION) throw new Error('no selection')
  return definition.selectionSet
}

/**
 * Asks an operation for everything: each field of what its root fields answer, and each field without fields of its own below that.
 * `seen` gets the name of every field that is asked for.
 */
export function widen(schema: GraphQLSchema, query: string, seen: Set<string>): string {
  const select = (output: GraphQLOutputType, depth: number): string => {
    const type = getNamedType(output)
    if (isLeafType(type)) return ''
    // Of what can be anything only what all have: fields of one name differ in type.
    if (isAbstractType(type)) return '{ __typename id }'
    if (!isObjectType(type)) return ''
    // Pages and payloads are only the way to the rows.
    const way = /(Connection|Edge|Payload|Result|Access|Viewer)$/.test(type.name)
    const fields = Object.values(type.getFields()).filter((field) => isLeafType(getNamedType(field.type)) || depth > 0 || way)
    for (const field of fields) seen.add(`${type.name}.${field.name}`)
    // Small pages: of all apps with all their lists an operation may not have more.
    const page = (field: GraphQLField<unknown, unknown>): string => (field.args.some(({ name }) => name === 'first') ? '(first: 5)' : '')
    return `{ __typename ${fields.map((field) => `${field.name}${page(field)} ${select(field.type, way ? depth : depth - 1)}`).join(' ')} }`
  }
  const document = parse(query)
  const [operation] = document.definitions
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('no operation')
  const root =
    operation.operation === 'query' ? schema.getQueryType() : operation.operation === 'mutation' ? schema.getMutationType() : schema.getSubscriptionType()
  const selections = operation.selectionSet.selections.map((selection) => {
    const field = selection as FieldNode
    const type = root?.getFields()[field.name.value]?.type
    seen.add(`${root?.name}.${field.name.value}`)
    return type ? { ...field, selectionSet: selectionOf(select(type, 1)) } : field
  })
  return print({ ...document, definitions: [{ ...operation, selectionSet: { ...operation.selectionSet, selections } }] })
}
