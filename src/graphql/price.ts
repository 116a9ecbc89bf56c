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
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
  valueFromASTUntyped,
} from 'graphql'
import { countIntrospected } from './introspected.ts'
import { rejected } from './limits.ts'
import type { Pace } from './pace.ts'
import { defaultPageSize, maxPageSize } from './pages.ts'

/** Statements that one operation may send: enough for five changes with their results, or four with everything around them. */
export const maxStatements = 60
/** Rows that one operation may read: the rows of a statement are decoded in one turn of the event loop and written in one. */
export const maxRows = 4_500
/** Rows charged for a list that the database reads whole for each parent row, because no index has its filter and order. */
export const scanRows = 1_000
/** Statements that a mutation sends inside its change, with lock and events. */
const changeStatements = 10
/** Sums stop here. */
const tooMuch = 1e12

/** What a field costs besides its place in a row; an omitted part costs nothing. */
export interface Cost {
  /** Statements for all parent rows together. */
  readonly statements?: number
  /** Statements for each parent row. */
  readonly statementsPerRow?: number
  /** Its rows for each parent row. */
  readonly rows?: number
  /** How often the database reads a whole list for each parent row. */
  readonly scans?: number
}

/** `args`: as sent, with variables filled in; valid, but not coerced. `asks`: the names of the fields directly below. */
export type CostOf = (args: Readonly<Record<string, unknown>>, asks: ReadonlySet<string>) => Cost

/** For `extensions` of a field: its cost, when the default does not fit. */
export const cost = (of: Cost | CostOf): { cost: CostOf } => ({ cost: typeof of === 'function' ? of : () => of })

/** Rows of a page by its arguments. The read itself rejects a page that is too large, with its own message. */
export const pageRows = ({ first, last }: { first?: unknown; last?: unknown }): number =>
  Math.min(Math.max(Number(last ?? first ?? defaultPageSize), 0), maxPageSize)

/** Whether a filter has a value. */
export const isFiltered = (filter: unknown): boolean =>
  typeof filter === 'object' && filter !== null && Object.values(filter).some((value) => value !== null && value !== undefined)

type FieldDefinition = GraphQLField<unknown, unknown>

const isRow = (type: GraphQLNamedType): boolean => isInterfaceType(type) || type.extensions['pothosPrismaModel'] !== undefined
const isEdge = (type: GraphQLNamedType): boolean => type.name.endsWith('Edge')

/**
 * The cost of a field that declares none: a table row is joined to its parent row, or needs its own statement; a list has as many rows as
 * a page of default size. Edges are the rows of their page.
 */
function usualCost(field: FieldDefinition, parent: GraphQLNamedType): Cost {
  const type = getNamedType(field.type)
  const row = isRow(type) && !isEdge(parent)
  const list = isListType(getNullableType(field.type)) && !isEdge(type)
  return { statements: row && field.extensions['pothosPrismaRelationField'] === undefined ? 1 : 0, rows: list ? defaultPageSize : row ? 1 : 0 }
}

/** For one parent row of a selection. */
interface Sum {
  statements: number
  statementsPerRow: number
  rows: number
}

const nothing: Sum = { statements: 0, statementsPerRow: 0, rows: 0 }

export interface Price {
  readonly statements: number
  readonly rows: number
}

/** Adds up the cost of a valid operation; each fragment is measured only once. */
function measure({ schema, document }: ExecutionArgs, operation: OperationDefinitionNode, variables: Readonly<Record<string, unknown>>): Price {
  const fragments = new Map(document.definitions.flatMap((each) => (each.kind === Kind.FRAGMENT_DEFINITION ? [[each.name.value, each] as const] : [])))
  const known = new Map<string, Sum>()
  const introspected = countIntrospected(schema, fragments, maxRows)

  /** The names of the fields directly below, through all fragments. */
  function asked(set: SelectionSetNode | undefined, names = new Set<string>(), spread = new Set<string>()): Set<string> {
    for (const selection of set?.selections ?? []) {
      if (selection.kind === Kind.FIELD) names.add(selection.name.value)
      else if (selection.kind === Kind.INLINE_FRAGMENT) asked(selection.selectionSet, names, spread)
      else if (!spread.has(selection.name.value)) {
        spread.add(selection.name.value)
        asked(fragments.get(selection.name.value)?.selectionSet, names, spread)
      }
    }
    return names
  }

  const argumentsOf = (field: FieldNode): Record<string, unknown> =>
    Object.fromEntries((field.arguments ?? []).map(({ name, value }) => [name.value, valueFromASTUntyped(value, variables)]))

  function ofField(field: FieldNode, parent: GraphQLNamedType): Sum {
    // A plain field is part of its row; under aliases it can be there many times.
    const aliases = field.alias ? 1 : 0
    if (field.name.value === SchemaMetaFieldDef.name) return { ...nothing, rows: aliases + introspected(field.selectionSet, [schema]) }
    if (field.name.value === TypeMetaFieldDef.name) {
      return { ...nothing, rows: aliases + introspected(field.selectionSet, [schema.getType(String(argumentsOf(field)['name']))]) }
    }
    const definition = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[field.name.value] : undefined
    if (!definition) return { ...nothing, rows: aliases }
    const type = getNamedType(definition.type)
    const inner = field.selectionSet ? ofSet(field.selectionSet, type) : nothing
    const declared = definition.extensions['cost'] as CostOf | undefined
    const isChange = parent === schema.getMutationType()
    const usual = isChange ? { statements: changeStatements } : usualCost(definition, parent)
    const { statements = 0, statementsPerRow = 0, rows = 0, scans = 0 } = declared ? declared(argumentsOf(field), asked(field.selectionSet)) : usual
    // A connection counts as its rows; any other object that is not a row counts as one.
    const times = isListType(getNullableType(definition.type)) || type.name.endsWith('Connection') ? (isEdge(type) ? 1 : rows) : Math.max(rows, 1)
    return {
      statements: Math.min(statements + inner.statements, tooMuch),
      statementsPerRow: Math.min(statementsPerRow + times * inner.statementsPerRow, tooMuch),
      rows: Math.min(aliases + scans * scanRows + rows + times * inner.rows, tooMuch),
    }
  }

  function ofFragment(name: string): Sum {
    const before = known.get(name)
    if (before) return before
    const fragment = fragments.get(name)
    const sum = fragment ? ofSet(fragment.selectionSet, schema.getType(fragment.typeCondition.name.value)) : nothing
    known.set(name, sum)
    return sum
  }

  function ofSet(set: SelectionSetNode, type: GraphQLNamedType | null | undefined): Sum {
    if (!type) return nothing
    const sum = { ...nothing }
    for (const selection of set.selections) {
      const condition = selection.kind === Kind.INLINE_FRAGMENT ? selection.typeCondition : undefined
      const part =
        selection.kind === Kind.FIELD
          ? ofField(selection, type)
          : selection.kind === Kind.FRAGMENT_SPREAD
            ? ofFragment(selection.name.value)
            : ofSet(selection.selectionSet, condition ? schema.getType(condition.name.value) : type)
      sum.statements = Math.min(sum.statements + part.statements, tooMuch)
      sum.statementsPerRow = Math.min(sum.statementsPerRow + part.statementsPerRow, tooMuch)
      sum.rows = Math.min(sum.rows + part.rows, tooMuch)
    }
    return sum
  }
  const { statements, statementsPerRow, rows } = ofSet(operation.selectionSet, schema.getRootType(operation.operation))
  return { statements: statements + statementsPerRow, rows }
}

/** Prices of operations without variables, which never change. Documents are cached between requests, and prices with them. */
const prices = new WeakMap<OperationDefinitionNode, Price>()

/**
 * The most statements that an operation can send, and the most rows that they can read: page sizes are multiplied when one page is inside
 * the rows of another, and added when pages are side by side. The document and the variables are valid.
 */
export function priceOf(args: ExecutionArgs): Price {
  const operation = getOperationAST(args.document, args.operationName)
  if (!operation) return nothing
  const known = prices.get(operation)
  if (known) return known
  const definitions = operation.variableDefinitions ?? []
  const defaults = definitions.flatMap(({ variable, defaultValue }) =>
    defaultValue ? [[variable.name.value, valueFromASTUntyped(defaultValue)] as const] : [],
  )
  // Without a prototype: a variable may be called "constructor".
  const price = measure(args, operation, Object.assign(Object.create(null), Object.fromEntries(defaults), args.variableValues))
  if (definitions.length === 0) prices.set(operation, price)
  return price
}

const numbers = (...counts: readonly number[]): string[] => counts.map((count) => (count >= tooMuch ? 'countless' : count.toLocaleString('en')))

/** Rejects an operation above the limits before it reads anything, and tells its context how many rows it reads. */
export function priceErrors(args: ExecutionArgs): GraphQLError[] {
  const { statements, rows } = priceOf(args)
  const { pace } = args.contextValue as { pace?: Pace }
  pace?.expect(rows)
  if (statements > maxStatements && rows <= maxRows) {
    const [needed, most] = numbers(statements, maxStatements)
    return [
      rejected(`The operation needs about ${needed} statements; at most ${most} are allowed. Ask for fewer lists under aliases, or send several operations.`),
    ]
  }
  if (rows <= maxRows) return []
  const [found, most, each] = numbers(rows, maxRows, scanRows)
  return [
    rejected(
      `The operation can read ${found} rows; at most ${most} are allowed. Ask for smaller pages (first, last), or for less within each row. A list with a filter, or in another order than that of creation, counts ${each} rows more for each row that it stands in.`,
    ),
  ]
}
