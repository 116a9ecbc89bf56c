import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
  Kind,
  type SelectionSetNode,
} from 'graphql'

const scalars: Record<string, (value: unknown) => boolean> = {
  ID: (value) => typeof value === 'string',
  String: (value) => typeof value === 'string',
  Boolean: (value) => typeof value === 'boolean',
  Int: (value) => Number.isInteger(value) && Math.abs(value as number) < 2 ** 31,
  Version: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  DateTime: (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value),
}

interface Answer {
  data?: unknown
  errors?: readonly { path?: readonly (string | number)[] }[]
}

/**
 * What in an answer does not fit the schema and the operation: a null where none may be, a field too many or too few, a value of another
 * type, an error whose place has a value all the same, a hole that no error explains.
 */
export function misfits(schema: GraphQLSchema, document: DocumentNode, answer: Answer): string[] {
  const found: string[] = []
  const errorPaths = (answer.errors ?? []).map(({ path }) => path?.join('.'))
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions) if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)

  const fieldsOf = (set: SelectionSetNode, type: GraphQLObjectType, fields = new Map<string, { name: string; sets: SelectionSetNode[] }>()) => {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        const key = selection.alias?.value ?? selection.name.value
        const field = fields.get(key) ?? { name: selection.name.value, sets: [] }
        if (selection.selectionSet) field.sets.push(selection.selectionSet)
        fields.set(key, field)
        continue
      }
      const inner = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value) : selection
      const on = inner?.typeCondition?.name.value ?? type.name
      const applies = on === type.name || schema.getImplementations({ name: on } as never).objects.some((each) => each.name === type.name)
      if (inner && applies) fieldsOf(inner.selectionSet, type, fields)
    }
    return fields
  }

  const check = (type: GraphQLOutputType, sets: readonly SelectionSetNode[], value: unknown, path: string): void => {
    if (isNonNullType(type)) {
      if (value === null || value === undefined) found.push(`${path}: null where none may be`)
      else check(type.ofType, sets, value, path)
    } else if (value === undefined) found.push(`${path}: nothing`)
    else if (value === null) return
    else if (isListType(type)) {
      if (!Array.isArray(value)) found.push(`${path}: no list`)
      else for (const [index, item] of value.entries()) check(type.ofType, sets, item, `${path}.${index}`)
    } else if (isScalarType(type)) {
      if (!scalars[type.name]?.(value)) found.push(`${path}: ${JSON.stringify(value)} is no ${type.name}`)
    } else if (isEnumType(type)) {
      if (!type.getValues().some(({ name }) => name === value)) found.push(`${path}: ${JSON.stringify(value)} is no ${type.name}`)
    } else checkObject(type, sets, value as Record<string, unknown>, path)
  }

  const checkObject = (type: GraphQLOutputType, sets: readonly SelectionSetNode[], value: Record<string, unknown>, path: string): void => {
    const name = typeof value['__typename'] === 'string' ? value['__typename'] : String(type)
    const actual = schema.getType(name)
    if (!isObjectType(actual)) return void found.push(`${path}: ${name} is no type of objects`)
    if (!isObjectType(type) && !schema.isSubType(type as never, actual)) found.push(`${path}: a ${name} is no ${String(type)}`)
    if (isObjectType(type) && type !== actual) found.push(`${path}: a ${name} instead of a ${type.name}`)
    const fields = new Map<string, { name: string; sets: SelectionSetNode[] }>()
    for (const set of sets) fieldsOf(set, actual, fields)
    for (const key of Object.keys(value)) if (!fields.has(key)) found.push(`${path}.${key}: was not asked for`)
    for (const [key, field] of fields) {
      if (field.name === '__typename') continue
      const definition = actual.getFields()[field.name]
      if (definition) check(definition.type, field.sets, value[key], `${path}.${key}`)
    }
  }

  const operation = document.definitions.find((definition) => definition.kind === Kind.OPERATION_DEFINITION)
  const root = operation && schema.getRootType(operation.operation)
  if (!root) throw new Error('no operation')
  if (answer.data == null) return errorPaths.length > 0 ? [] : ['neither data nor errors']
  checkObject(root, [operation.selectionSet], answer.data as Record<string, unknown>, 'data')
  for (const path of errorPaths) {
    if (path === undefined) found.push('data although the whole operation was refused')
    // The place itself or, where it may not be null, something around it.
    else if (!hasHole(answer.data, path.split('.'))) found.push(`${path}: an error and a value`)
  }
  return found
}

const hasHole = (value: unknown, path: readonly string[]): boolean => {
  if (value === null || value === undefined) return true
  const [head, ...rest] = path
  return head !== undefined && hasHole((value as Record<string, unknown>)[head], rest)
}
