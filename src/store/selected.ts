import { createTurns } from '../turns.ts'
import type { Connection, Prisma } from './client.ts'
import { condition, type Place } from './conditions.ts'
import { SqlWriter } from './sql-writer.ts'
import { columnOf, type Relation, relationOf, tableOf } from './tables.ts'
import { timeOfJson } from './times.ts'

type Way = 'asc' | 'desc'

/** What is read of each row: its columns, rows that belong to it, and what is reckoned beside the row of an alias, as JSON. */
export interface Select {
  readonly [field: string]: true | Query | ((alias: string) => Prisma.Sql)
}

/** A query as the selections of clients make it: a part of what Prisma's `findMany` takes. */
export interface Query {
  readonly select: Select
  readonly where?: object
  readonly orderBy?: readonly object[]
  readonly take?: number
}

/** The alias of rows that belong to those of another one. */
const below = (alias: string): string => `t${Number(alias.slice(1)) + 1}`

const joined = (there: string, here: string, { theirs, ours }: Relation): string => `${there}.${columnOf(theirs)} = ${here}.${columnOf(ours)}`

/** What an order compares: a column, or one of the row that it belongs to. */
function ordered(model: string, by: object, alias: string): [value: string, way: Way] {
  const [[field, way] = ['', 'asc' as Way | object]] = Object.entries(by) as [string, Way | object][]
  if (typeof way === 'string') return [`${alias}.${columnOf(field)}`, way]
  const relation = relationOf(model, field)
  const inner = below(alias)
  const [value, direction] = ordered(relation.model, way, inner)
  return [`(SELECT ${value} FROM ${tableOf(relation.model).name} ${inner} WHERE ${joined(inner, alias, relation)})`, direction]
}

/** So many instances are looked up one by one, and then looked through for each row that they may belong to. */
const fewGrants = 500

/** The grants that a condition on instances hangs on; null if on none. */
function grantsIn(where: object): object | null {
  for (const [name, value] of Object.entries(where)) {
    if (name === 'access') return (value as { some: object }).some
    const found = Array.isArray(value) && (name === 'AND' || name === 'OR') ? value.map(grantsIn).find((each) => each !== null) : null
    if (found) return found
  }
  return null
}

/**
 * Writes the rows of a query, in their order. Instances that a member sees are found by their grants if these are few, whatever number of instances
 * there is, and once for all rows that they may belong to; the planner expects the same number for everybody, and would read all instances of an app.
 */
function rows(out: SqlWriter, model: string, { where = {}, orderBy = [], take }: Query, alias: string, belonging = 'TRUE', parent?: Place['parent']): void {
  const found = (place: Place, belongs = 'TRUE'): SqlWriter => {
    out.text(`SELECT * FROM ${tableOf(model).name} ${alias} WHERE ${belongs} AND `)
    condition(out, where, alias, model, place)
    return out
  }
  const inOrder = (): void => {
    const orders = orderBy.map((by) => ordered(model, by, alias).join(' '))
    if (orders.length > 0) out.text(` ORDER BY ${orders.join()}`)
    // As parameters: the planner expects few rows then, and follows the order by its index.
    if (take !== undefined) out.text(' LIMIT ').value(take).text(' OFFSET ').value(0)
  }
  const grants = model === 'AppInstance' ? grantsIn(where) : null
  if (!grants) found({ parent }, belonging)
  else {
    const areFew = (): void => {
      out.text('((SELECT count(*) FROM (SELECT 1 FROM instance_access g WHERE ')
      condition(out, grants, 'g', 'InstanceAccess')
      out.text(` LIMIT ${fewGrants + 1}) g) <= ${fewGrants})`)
    }
    out.text('SELECT * FROM (WITH few AS MATERIALIZED (')
    found({ grants: 'lookedUp' }).text(' AND ')
    areFew()
    out.text(`) SELECT * FROM few ${alias} WHERE ${belonging} UNION ALL (`)
    found({ parent, grants: 'hashed' }, belonging).text(' AND NOT ')
    areFew()
    inOrder()
    out.text(`)) ${alias}`)
  }
  inOrder()
}

/**
 * Writes what is selected of a row, as a JSON array, which costs PostgreSQL half as much as an object. Only names of the schema come here: what else a
 * statement holds are parameters.
 */
function row(out: SqlWriter, model: string, select: Select, alias: string): void {
  const { columns } = tableOf(model)
  out.text('json_build_array(')
  out.each(Object.entries(select), ',', ([field, wanted]) => {
    const type = columns.get(field)
    if (wanted === true && (type === undefined || type === 'Bytes')) throw new Error(`${field} of ${model} cannot be selected`)
    if (wanted === true) out.text(`${alias}.${columnOf(field)}${type === 'BigInt' ? '::text' : ''}`)
    else if (typeof wanted === 'function') out.sql(wanted(alias))
    else belonging(out, relationOf(model, field), wanted, alias)
  })
  out.text(')')
}

function belonging(out: SqlWriter, relation: Relation, wanted: Query, alias: string): void {
  const inner = below(alias)
  const belongs = joined(inner, alias, relation)
  out.text(`(SELECT ${relation.isMany ? 'coalesce(json_agg(' : ''}`)
  row(out, relation.model, wanted.select, inner)
  if (!relation.isMany) {
    out.text(` FROM ${tableOf(relation.model).name} ${inner} WHERE ${belongs})`)
    return
  }
  out.text("),'[]') FROM (")
  rows(out, relation.model, wanted, inner, belongs, { ours: relation.theirs, alias })
  out.text(`) ${inner})`)
}

/** The same without what is reckoned beside rows, for Prisma. */
export function ofColumns<Query extends object>(query: Query): Query {
  const { select, ...rest } = query as { select?: Select }
  if (!select) return query
  const kept = Object.entries(select).filter(([, wanted]) => typeof wanted !== 'function')
  return { ...rest, select: Object.fromEntries(kept.map(([field, wanted]) => [field, typeof wanted === 'object' ? ofColumns(wanted) : wanted])) } as Query
}

type Row = Record<string, unknown>
type Convert = (value: unknown) => unknown

const orNull =
  <Value>(convert: (value: Value) => unknown): Convert =>
  (value) =>
    value === null ? null : convert(value as Value)

/** Gives a value of JSON the form that Prisma gives it; null: it has that form. */
function converterOf(model: string, field: string, wanted: Select[string]): Convert | null {
  const type = tableOf(model).columns.get(field)
  if (type === 'DateTime') return orNull(timeOfJson)
  if (type === 'BigInt') return orNull<string>(BigInt)
  if (wanted === true || typeof wanted === 'function') return null
  const relation = relationOf(model, field)
  const made = rowMaker(relation.model, wanted.select)
  return relation.isMany ? (rows) => (rows as unknown[][]).map(made) : orNull(made)
}

/** Makes rows of what `row` writes. */
function rowMaker(model: string, select: Select): (values: readonly unknown[]) => Row {
  const fields = Object.entries(select).map(([field, wanted]) => ({ field, convert: converterOf(model, field, wanted) }))
  return (values) => {
    const row: Row = {}
    for (const [index, { field, convert }] of fields.entries()) row[field] = convert ? convert(values[index]) : values[index]
    return row
  }
}

/** A longer text is read, and its rows are used, each in a turn of its own: a million characters take about ten milliseconds. */
const longText = 50_000
const turn = createTurns()

/**
 * Reads what Prisma's `findMany` reads, with all that belongs to the rows, by one statement of our own: Prisma costs several times as much as the
 * statement. The text of all rows is one value, so that no driver looks at each.
 */
export async function selected<Found>({ run }: Pick<Connection, 'run'>, model: string, query: object): Promise<Found[]> {
  const wanted = query as Query
  const out = new SqlWriter().text('SELECT json_agg(')
  row(out, model, wanted.select, 't0')
  out.text(')::text AS rows FROM (')
  rows(out, model, wanted, 't0')
  const [answer] = await run<{ rows: string | null }>(out.text(') t0').end())
  const text = answer?.rows ?? '[]'
  if (text.length > longText) await turn()
  const found = (JSON.parse(text) as unknown[][]).map(rowMaker(model, wanted.select)) as Found[]
  if (text.length > longText) await turn()
  return found
}
