import type { Context } from './context.ts'
import { type PlannedField, unplanned } from './plan.ts'

/** What an execution of a plan knows of its fields. */
export interface Selecting {
  readonly context: Context
  readonly argumentsOf: (field: PlannedField) => object
}

type Select = Record<string, unknown>
interface Query {
  readonly select?: Select
}
type Nested = (query?: Query, path?: readonly string[]) => Query
type SelectOf = Select | ((arguments_: object, context: Context, nested: Nested) => { select: Select } | null)

/** What a field reads with its row in one statement, where that can be: its resolver finds it there. */
type Beside = (context: Context) => Select

/** For the extensions of a field. */
export const readBeside = (beside: Beside): { readonly beside: Beside } => ({ beside })

/** Adds what another field of the same object selects. One statement reads a relation once: two different wishes for it are for graphql-js. */
function add(select: Select, more: Select): void {
  for (const [name, wanted] of Object.entries(more)) {
    if (wanted === undefined) continue
    const known = select[name]
    if (known === undefined || known === wanted || typeof known === 'function') {
      select[name] = wanted
      continue
    }
    if (typeof known !== 'object' || typeof wanted !== 'object') unplanned()
    const [{ select: some = {}, ...query }, { select: others = {}, ...same }] = [known as Query, wanted as Query]
    if (JSON.stringify(query) !== JSON.stringify(same)) unplanned()
    const both = { ...some }
    add(both, others)
    select[name] = { ...query, select: both }
  }
}

/** The fields at a path below a field, such as those of the rows of a connection. */
const fieldsAt = (field: PlannedField, path: readonly string[]): { type: PlannedField['type']; fields: readonly PlannedField[] }[] =>
  path.reduce<PlannedField[]>((found, step) => found.flatMap(({ fields }) => fields.filter(({ definition }) => definition.name === step)), [field])

/** What the rows of a field, or those at a path below it, must have besides `own`: what each selected field there says that it needs. */
function selectionOf(field: PlannedField, path: readonly string[], execution: Selecting, own: Select = {}): Select {
  const select: Select = { ...own }
  for (const { type, fields } of fieldsAt(field, path)) {
    add(select, (type?.extensions['pothosPrismaSelect'] ?? {}) as Select)
    for (const each of fields) {
      const { pothosPrismaSelect, beside } = each.definition.extensions
      if (beside) add(select, (beside as Beside)(execution.context))
      const wanted = pothosPrismaSelect as SelectOf | undefined | false
      if (!wanted) continue
      const nested: Nested = ({ select: rows, ...query } = {}, below = []) => ({ ...query, select: selectionOf(each, below, execution, rows) })
      add(select, typeof wanted === 'function' ? (wanted(execution.argumentsOf(each), execution.context, nested)?.select ?? {}) : wanted)
    }
  }
  return select
}

/** Where the rows of a connection are. */
export const rowsOfPage = ['edges', 'node']

/** What the resolver of a planned field gets in place of GraphQL's `info`: the selections of its rows, which are the same for all objects that have it. */
export class PlannedInfo {
  readonly #field: PlannedField
  readonly #execution: Selecting
  #query: { readonly select: Select } | null = null
  #page: Select | null = null
  constructor(field: PlannedField, execution: Selecting) {
    this.#field = field
    this.#execution = execution
  }
  /** Throws `Unplanned` if there is none, before anything is read. */
  select(): void {
    if (this.#field.reads) this.#query = { select: selectionOf(this.#field, [], this.#execution) }
    else if (this.#field.isPage) this.#page = selectionOf(this.#field, rowsOfPage, this.#execution)
  }
  /** What reads the rows that the field is. */
  get query(): object {
    return this.#query ?? unplanned()
  }
  /** The selection of the rows of the page that the field is, which also have what is `own`. */
  pageOf(own: Select): Select {
    const select = { ...own }
    add(select, this.#page ?? unplanned())
    return select
  }
}
