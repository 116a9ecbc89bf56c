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

/** Statements that one operation may send: as many as five changes need with what they made, or four with all around it. */
export const maxStatements = 60
/** Rows that one operation may read: what a statement brings is decoded in one turn of the event loop, and written out in one. */
export const maxRows = 4_500
/** What a list counts that the database reads whole for each row that it stands in, since no index has its filter and order. */
export const scanRows = 1_000
/** What a mutation sends inside its change, with the lock and the events. */
const changeStatements = 10
/** Sums stop here. */
const tooMuch = 1e12

/** What a field costs beyond its place in a row; what is left out costs nothing. */
export interface Cost {
  /** Statements for all rows that it stands in together. */
  readonly statements?: number
  /** Statements for each row that it stands in. */
  readonly statementsPerRow?: number
  /** How many rows it has, for each row that it stands in. */
  readonly rows?: number
  /** How often the database reads a whole list, for each row that it stands in. */
  readonly scans?: number
}

/** Arguments as they were sent, with variables in their places: valid, but not coerced. `asks` are the names of fields right below. */
export type CostOf = (args: Readonly<Record<string, unknown>>, asks: ReadonlySet<string>) => Cost

/** For `extensions` of a field: what it costs, where the default does not say it. */
export const cost = (of: Cost | CostOf): { cost: CostOf } => ({ cost: typeof of === 'function' ? of : () => of })

/** Rows of a page by its arguments. More than a page may hold is refused where it is read, with a text of its own. */
export const pageRows = ({ first, last }: { first?: unknown; last?: unknown }): number =>
  Math.min(Math.max(Number(last ?? first ?? defaultPageSize), 0), maxPageSize)

/** Whether a filter says anything. */
export const isFiltered = (filter: unknown): boolean =>
  typeof filter === 'object' && filter !== null && Object.values(filter).some((value) => value !== null && value !== undefined)

type FieldDefinition = GraphQLField<unknown, unknown>

const isRow = (type: GraphQLNamedType): boolean => isInterfaceType(type) || type.extensions['pothosPrismaModel'] !== undefined
const isEdge = (type: GraphQLNamedType): boolean => type.name.endsWith('Edge')

/**
 * What a field costs that says nothing: a row of a table is joined to the row that it belongs to, or read by a statement of its own; a list has
 * as many rows as a page that nobody sized. Edges are the rows of their page.
 */
function usualCost(field: FieldDefinition, parent: GraphQLNamedType): Cost {
  const type = getNamedType(field.type)
  const row = isRow(type) && !isEdge(parent)
  const list = isListType(getNullableType(field.type)) && !isEdge(type)
  return { statements: row && field.extensions['pothosPrismaRelationField'] === undefined ? 1 : 0, rows: list ? defaultPageSize : row ? 1 : 0 }
}

/** For one row that a selection stands in. */
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

/** Adds up a valid operation; each fragment is measured once for a type, however often it is spread. */
function measure({ schema, document }: ExecutionArgs, operation: OperationDefinitionNode, variables: Readonly<Record<string, unknown>>): Price {
  const fragments = new Map(document.definitions.flatMap((each) => (each.kind === Kind.FRAGMENT_DEFINITION ? [[each.name.value, each] as const] : [])))
  const known = new Map<string, Sum>()
  const introspected = countIntrospected(schema, fragments, maxRows)

  /** The names of fields right below, whatever fragments they stand in. */
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
    // What stands in a row once is part of the row; under aliases it can stand there often.
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
    // A connection is the way to its rows; of other objects that are no rows there is one.
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

/** Of operations without variables, whose price is always the same. Documents are kept between requests, and these with them. */
const prices = new WeakMap<OperationDefinitionNode, Price>()

/**
 * The most statements that an operation can send while it is executed, and the most rows that these can read: sizes of pages are multiplied
 * where one stands in the rows of another, and added where they stand side by side. The document and the variables are valid.
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

/** Refuses an operation that costs more than one may, before anything of it is read, and says to its context how much it reads. */
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
