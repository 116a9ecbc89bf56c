import {
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLError,
  getArgumentValues,
  getNamedType,
  getOperationAST,
  getVariableValues,
  locatedError,
} from 'graphql'
import type { Context } from './context.ts'
import { type Plan, type PlannedField, planOf, type Shape, unplanned } from './plan.ts'
import { PlannedInfo, type Selecting } from './planned-selection.ts'
import type { CostOf } from './price.ts'
import type { Rule } from './rules.ts'

/** The most fields of rows that are completed in one turn, which takes about ten milliseconds: what may have more is executed in turns, by graphql-js. */
const maxPlannedFields = 30_000
/** Those that cost several times as much as others: a cursor is signed, a time is read and written. */
const dear: Readonly<Record<string, number>> = { cursor: 5, startCursor: 5, endCursor: 5, DateTime: 2 }

type Key = string | number

/** Where an object or a list is in the answer; null: its root. */
interface Path {
  readonly key: Key
  readonly prev: Path | null
}

type Answer = Record<Key, unknown>

/** Prisma's own are none of the language. */
const isPromise = (value: unknown): value is PromiseLike<unknown> => typeof (value as { then?: unknown } | null | undefined)?.then === 'function'

function keysOf(path: Path | null): Key[] {
  const keys: Key[] = []
  for (let at = path; at; at = at.prev) keys.unshift(at.key)
  return keys
}

const none = {}

/** One execution of a plan. A value is a promise only where something waits for it: most rows are complete at once. */
class Execution implements Selecting {
  readonly context: Context
  readonly errors: GraphQLError[] = []
  readonly infos: readonly (PlannedInfo | null)[]
  readonly #variables: ExecutionArgs['variableValues']
  readonly #arguments: object[]
  readonly #nulls: Path[] = []

  constructor({ every }: Plan, context: Context, variables: ExecutionArgs['variableValues']) {
    this.context = context
    this.infos = every.map((field) => (field.reads || field.isPage ? new PlannedInfo(field, this) : null))
    this.#variables = variables
    this.#arguments = new Array(every.length)
  }

  argumentsOf({ definition, nodes, index }: PlannedField): object {
    if (definition.args.length === 0) return none
    const found = this.#arguments[index] ?? getArgumentValues(definition, nodes[0], this.#variables)
    this.#arguments[index] = found
    return found
  }

  /** What an object answers to these fields. */
  fields(fields: readonly PlannedField[], path: Path | null, source: unknown): Answer | Promise<Answer> {
    const answer: Answer = {}
    const waiting: PromiseLike<unknown>[] = []
    for (const field of fields) this.#put(answer, waiting, field.name, this.#field(field, path, source))
    return waiting.length > 0 ? Promise.all(waiting).then(() => answer) : answer
  }

  #items(items: Shape, field: PlannedField, path: Path, values: readonly unknown[]): unknown {
    const answer: unknown[] = []
    const waiting: PromiseLike<unknown>[] = []
    for (const [index, value] of values.entries()) this.#put(answer as unknown as Answer, waiting, index, this.#settled(items, field, path, index, value))
    return waiting.length > 0 ? Promise.all(waiting).then(() => answer) : answer
  }

  #put(answer: Answer, waiting: PromiseLike<unknown>[], key: Key, value: unknown): void {
    answer[key] = value
    if (!isPromise(value)) return
    const put = (found: unknown): void => {
      answer[key] = found
    }
    waiting.push(value.then(put))
  }

  #field(field: PlannedField, path: Path | null, source: unknown): unknown {
    try {
      return this.#settled(field.shape, field, path, field.name, this.#find(field, source))
    } catch (error) {
      return this.#failed(field.shape, field, path, field.name, error)
    }
  }

  #find(field: PlannedField, source: unknown): unknown {
    if (field.property !== null) return (source as Answer)[field.property]
    const info = this.infos[field.index]
    if (field.reads && info) return field.reads(info.query, source, this.argumentsOf(field), this.context)
    return field.resolve(source, this.argumentsOf(field), this.context, info)
  }

  /** What stands at a place, or what its failure makes of it. */
  #settled(shape: Shape, field: PlannedField, prev: Path | null, key: Key, value: unknown): unknown {
    try {
      const completed = isPromise(value)
        ? Promise.resolve(value).then((found) => this.#complete(shape, field, prev, key, found))
        : this.#complete(shape, field, prev, key, value)
      return completed instanceof Promise ? completed.catch((error: unknown) => this.#failed(shape, field, prev, key, error)) : completed
    } catch (error) {
      return this.#failed(shape, field, prev, key, error)
    }
  }

  #complete(shape: Shape, field: PlannedField, prev: Path | null, key: Key, value: unknown): unknown {
    if (value === null || value === undefined) {
      if (shape.isRequired) throw new Error(`Cannot return null for non-nullable field ${field.parent}.${field.definition.name}.`)
      return null
    }
    if (shape.leaf) return shape.leaf.serialize(value)
    const path = { key, prev }
    return shape.items ? this.#items(shape.items, field, path, value as unknown[]) : this.fields(field.fields, path, value)
  }

  /** As graphql-js: the nearest place that may be null is null, and what fails there or below it later says nothing. */
  #failed({ isRequired }: Shape, field: PlannedField, prev: Path | null, key: Key, error: unknown): null | Promise<never> {
    const located = locatedError(error, field.nodes, [...keysOf(prev), key])
    // What fails at once waits for what stands beside it, which may fail too.
    if (isRequired) return Promise.reject(located)
    if (!this.#isNull(prev, key)) this.errors.push(located)
    this.#nulls.push({ prev, key })
    return null
  }

  #isNull(prev: Path | null, key: Key): boolean {
    for (let at: Path | null = { prev, key }; at; at = at.prev) {
      const { prev: before, key: own } = at
      if (this.#nulls.some((each) => each.prev === before && each.key === own)) return true
    }
    return false
  }
}

/** How many fields these are at most, with those of all rows below. */
const fieldsAt = (fields: readonly PlannedField[], execution: Execution): number =>
  fields.reduce((sum, field) => {
    const { name, type } = field.definition
    if (field.fields.length === 0) return sum + (dear[name] ?? dear[getNamedType(type).name] ?? 1)
    const { rows = 0 } = (field.definition.extensions as { cost?: CostOf }).cost?.(execution.argumentsOf(field) as Record<string, unknown>, new Set()) ?? {}
    return sum + 1 + Math.max(rows, 1) * fieldsAt(field.fields, execution)
  }, 0)

/** Whether a rule lets the caller have the field. */
async function allows(rule: Rule | undefined, field: PlannedField, execution: Execution): Promise<boolean> {
  const asked = rule as { resolve(...parameters: unknown[]): Promise<unknown> } | undefined
  return (await asked?.resolve(undefined, execution.argumentsOf(field), execution.context, {}, {})) === true
}

/**
 * Executes a query by its plan, without the walk of graphql-js and of the Prisma plugin through each field of each row. Null, before anything is
 * read, if it has no plan, or needs one row with two selections that no statement can join: then graphql-js executes it. `rules` by root field;
 * null if all was checked before.
 */
export async function executePlanned(
  { schema, document, operationName, variableValues, contextValue }: ExecutionArgs,
  rules: Readonly<Record<string, Rule>> | null,
): Promise<ExecutionResult | null> {
  const context = contextValue as Context
  const plan = planOf(schema, document, operationName)
  if (!plan) return null
  const { coerced } = getVariableValues(schema, getOperationAST(document, operationName)?.variableDefinitions ?? [], variableValues ?? {})
  if (!coerced) return null
  const execution = new Execution(plan, context, coerced)
  const { errors } = execution
  try {
    if (fieldsAt(plan.fields, execution) > maxPlannedFields) return null
    for (const field of rules ? plan.fields : []) if (!(await allows(rules?.[field.definition.name], field, execution))) unplanned()
    for (const info of execution.infos) info?.select()
  } catch {
    // What is wrong with arguments, such as cursors, is said at its place in the answer.
    return null
  }
  context.pace.expect(0)
  try {
    const data = await execution.fields(plan.fields, null, undefined)
    return errors.length > 0 ? { errors, data } : { data }
  } catch (error) {
    return { errors: [...errors, error as GraphQLError], data: null }
  }
}
