import {
  type ExecutionArgs,
  type FieldNode,
  type GraphQLError,
  type GraphQLField,
  type GraphQLNamedType,
  getNamedType,
  getNullableType,
  getOperationAST,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
  valueFromASTUntyped,
} from 'graphql'
import { rejected } from './limits.ts'
import { defaultPageSize, maxPageSize } from './pages.ts'

/** Pages of a hundred within pages of a hundred within pages of a hundred are a million rows, and the end of the process. */
export const maxRows = 10_000

/** A feed reads this many events at once, each with the whole selection. */
const feedBatch = 100

type Variables = Readonly<Record<string, unknown>>

/** Operations that stay within the limit whatever their variables are. Documents are kept between requests, and these with them. */
const harmless = new WeakSet<OperationDefinitionNode>()

/** How many rows the operation can answer. Without variables: as many as with any. */
function createCount({ schema, document }: ExecutionArgs, variables: Variables | null): (operation: OperationDefinitionNode) => number {
  const fragments = new Map(document.definitions.flatMap((each) => (each.kind === Kind.FRAGMENT_DEFINITION ? [[each.name.value, each] as const] : [])))
  const known = new Map<string, number>()

  const value = (node: ValueNode | undefined): unknown => {
    if (!node) return undefined
    return node.kind === Kind.VARIABLE && variables === null ? maxPageSize : valueFromASTUntyped(node, variables)
  }
  const length = (ids: unknown): number => (Array.isArray(ids) ? ids.length : typeof ids === 'number' ? ids : ids == null ? 0 : 1)
  // More than a page may hold is refused where it is read, with a text of its own.
  const within = (size: number): number => Math.min(Math.max(size, 0), maxPageSize)

  /** How many rows the field has; null when it is part of a row, or its rows were counted above it. */
  function sizeOf(field: FieldNode, { args, type }: GraphQLField<unknown, unknown>): number | null {
    const takes = (name: string): boolean => args.some((argument) => argument.name === name)
    const given = (name: string): unknown => value(field.arguments?.find((argument) => argument.name.value === name)?.value)
    if (takes('first')) return within(Number(given('last') ?? given('first') ?? defaultPageSize))
    if (takes('ids')) return within(length(given('ids')))
    if (takes('appIds')) return within(length(given('appIds')) + length(given('instanceIds')))
    if (takes('after')) return feedBatch
    // Other lists count as a page that nobody sized: few organizations have more apps. Edges are the rows of the page that they stand in.
    return isListType(getNullableType(type)) && !getNamedType(type).name.endsWith('Edge') ? defaultPageSize : null
  }

  function ofField(field: FieldNode, type: GraphQLNamedType): number {
    // What stands in a row once is part of the row; under aliases it can stand there often.
    const aliases = field.alias ? 1 : 0
    const definition = isObjectType(type) || isInterfaceType(type) ? type.getFields()[field.name.value] : undefined
    // Introspection has limits of its own.
    if (!definition) return aliases
    const inner = field.selectionSet ? ofSet(field.selectionSet, getNamedType(definition.type)) : 0
    const size = sizeOf(field, definition)
    return aliases + (size === null ? inner : size * (1 + inner))
  }

  function ofFragment(name: string): number {
    const before = known.get(name)
    if (before !== undefined) return before
    const fragment = fragments.get(name)
    const rows = fragment ? ofSet(fragment.selectionSet, schema.getType(fragment.typeCondition.name.value)) : 0
    known.set(name, rows)
    return rows
  }

  function ofSet(set: SelectionSetNode, type: GraphQLNamedType | null | undefined): number {
    if (!type) return 0
    return set.selections.reduce((sum, selection) => {
      if (selection.kind === Kind.FIELD) return sum + ofField(selection, type)
      if (selection.kind === Kind.FRAGMENT_SPREAD) return sum + ofFragment(selection.name.value)
      const condition = selection.typeCondition
      return sum + ofSet(selection.selectionSet, condition ? schema.getType(condition.name.value) : type)
    }, 0)
  }
  return (operation) => ofSet(operation.selectionSet, schema.getRootType(operation.operation))
}

/**
 * Refuses an operation that can answer more rows than one answer may have: sizes of pages are multiplied where one stands in the rows of
 * another, and added where they stand side by side. The document and the variables are valid.
 */
export function rowErrors(args: ExecutionArgs): GraphQLError[] {
  const operation = getOperationAST(args.document, args.operationName)
  if (!operation || harmless.has(operation)) return []
  if (createCount(args, null)(operation) <= maxRows) {
    harmless.add(operation)
    return []
  }
  const defaults = (operation.variableDefinitions ?? []).flatMap(({ variable, defaultValue }) =>
    defaultValue ? [[variable.name.value, valueFromASTUntyped(defaultValue)] as const] : [],
  )
  // Without a prototype: a variable may be called "constructor".
  const variables: Variables = Object.assign(Object.create(null), Object.fromEntries(defaults), args.variableValues)
  const rows = createCount(args, variables)(operation)
  if (rows <= maxRows) return []
  const [found, most] = [rows, maxRows].map((count) => count.toLocaleString('en'))
  return [rejected(`The operation can answer ${found} rows; at most ${most} are allowed. Ask for smaller pages (first, last), or for less within each row.`)]
}
