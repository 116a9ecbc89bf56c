import { type ExecutionArgs, type ExecutionResult, type GraphQLError, getArgumentValues, getOperationAST, getVariableValues, locatedError } from 'graphql'
import type { Context } from './context.ts'
import { type Plan, type PlannedField, planOf, type Shape, Unplanned, unplanned } from './plan.ts'
import { PlannedInfo, type Selecting } from './planned-selection.ts'
import type { Rule } from './rules.ts'

/** Operations of more rows are executed in turns, by graphql-js. These take less than one turn. */
const maxPlannedRows = 3_000

interface Path {
  readonly key: string | number
  readonly prev: Path | null
}

interface Execution extends Selecting {
  readonly errors: GraphQLError[]
  readonly infos: readonly (PlannedInfo | null)[]
}

/** Prisma's own are none of the language. */
const isPromise = <Value>(value: Value | Promise<Value>): value is Promise<Value> => typeof (value as { then?: unknown } | null)?.then === 'function'

function keysOf(path: Path | null): (string | number)[] {
  const keys: (string | number)[] = []
  for (let at = path; at; at = at.prev) keys.unshift(at.key)
  return keys
}

/** As graphql-js: the nearest place that may be null is. */
function failed({ isRequired }: Shape, field: PlannedField, path: Path, error: unknown, { errors }: Execution): null {
  const located = locatedError(error, field.nodes, keysOf(path))
  if (isRequired) throw located
  errors.push(located)
  return null
}

function complete(shape: Shape, field: PlannedField, path: Path, value: unknown, execution: Execution): unknown {
  const { isRequired, items, leaf } = shape
  if (value === null || value === undefined) {
    if (isRequired) throw new Error(`Cannot return null for non-nullable field ${field.parent}.${field.definition.name}.`)
    return null
  }
  if (leaf) return leaf.serialize(value)
  if (!items) return completeFields(field.fields, path, value, execution)
  return all(value as unknown[], (each, index) => settled(items, field, { key: index, prev: path }, () => each, execution))
}

/** The value at a place, or what its failure makes of it. */
function settled(shape: Shape, field: PlannedField, path: Path, find: () => unknown, execution: Execution): unknown {
  try {
    const value = find()
    if (!isPromise(value)) {
      const completed = complete(shape, field, path, value, execution)
      return isPromise(completed) ? completed.catch((error: unknown) => failed(shape, field, path, error, execution)) : completed
    }
    return Promise.resolve(value)
      .then((found) => complete(shape, field, path, found, execution))
      .catch((error: unknown) => failed(shape, field, path, error, execution))
  } catch (error) {
    return failed(shape, field, path, error, execution)
  }
}

function find(field: PlannedField, source: unknown, execution: Execution): unknown {
  if (field.property !== null) return (source as Record<string, unknown>)[field.property]
  const { context, argumentsOf, infos } = execution
  const info = infos[field.index]
  return field.reads && info ? field.reads(info.query, source, argumentsOf(field), context) : field.resolve(source, argumentsOf(field), context, info)
}

/** Waits only if there is something to wait for: most rows are complete at once. What fails at once waits for what does not, which may fail too. */
function all<Item>(items: readonly Item[], completed: (item: Item, index: number) => unknown): unknown[] | Promise<unknown[]> {
  let waits = false
  const values = items.map((item, index) => {
    try {
      const value = completed(item, index)
      waits ||= isPromise(value)
      return value
    } catch (error) {
      waits = true
      return Promise.reject(error)
    }
  })
  return waits ? Promise.all(values) : values
}

function completeFields(fields: readonly PlannedField[], path: Path | null, source: unknown, execution: Execution): object | Promise<object> {
  const values = all(fields, (field) => settled(field.shape, field, { key: field.name, prev: path }, () => find(field, source, execution), execution))
  // Not by assignment: a client may call a field `__proto__`.
  const named = (completed: unknown[]): object => Object.fromEntries(fields.map(({ name }, index) => [name, completed[index]]))
  return isPromise(values) ? values.then(named) : named(values)
}

const none = {}

function executionOf({ every }: Plan, context: Context, variables: ExecutionArgs['variableValues']): Execution {
  const known: object[] = new Array(every.length)
  const argumentsOf = ({ definition, nodes, index }: PlannedField): object => {
    if (definition.args.length === 0) return none
    const found = known[index] ?? getArgumentValues(definition, nodes[0], variables)
    known[index] = found
    return found
  }
  const execution = { context, argumentsOf, errors: [] }
  return { ...execution, infos: every.map((field) => (field.reads || field.isPage ? new PlannedInfo(field, execution) : null)) }
}

/** Whether a rule lets the caller have the field. */
async function allows(rule: Rule | undefined, field: PlannedField, { context, argumentsOf }: Execution): Promise<boolean> {
  const asked = rule as { resolve(...parameters: unknown[]): Promise<unknown> } | undefined
  return (await asked?.resolve(undefined, argumentsOf(field), context, {}, {})) === true
}

/**
 * Executes a query by its plan, without the walk of graphql-js and of the Prisma plugin through each field of each row, and without a promise where
 * nothing waits. Null, before anything is read, if it has no plan, or needs one row with two selections that no statement can join: then graphql-js
 * executes it. `rules` by root field; null if all was checked before.
 */
export async function executePlanned(
  { schema, document, operationName, variableValues, contextValue }: ExecutionArgs,
  rules: Readonly<Record<string, Rule>> | null,
): Promise<ExecutionResult | null> {
  const context = contextValue as Context
  const plan = context.pace.rows <= maxPlannedRows ? planOf(schema, document, operationName) : null
  if (!plan) return null
  const { coerced } = getVariableValues(schema, getOperationAST(document, operationName)?.variableDefinitions ?? [], variableValues ?? {})
  if (!coerced) return null
  const execution = executionOf(plan, context, coerced)
  try {
    for (const info of execution.infos) info?.select()
    for (const field of rules ? plan.fields : []) if (!(await allows(rules?.[field.definition.name], field, execution))) unplanned()
  } catch (error) {
    if (error instanceof Unplanned) return null
    throw error
  }
  context.pace.expect(0)
  const { errors } = execution
  try {
    const data = (await completeFields(plan.fields, null, undefined, execution)) as Record<string, unknown>
    return errors.length > 0 ? { errors, data } : { data }
  } catch (error) {
    return { errors: [...errors, error as GraphQLError], data: null }
  }
}
