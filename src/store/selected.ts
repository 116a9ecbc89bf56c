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

/** The alias of rows that belong to one with another alias. */
const below = (alias: string): string => `t${Number.parseInt(alias.slice(1), 10) + 1}`
/** The alias of the row that one belongs to. PostgreSQL cuts long names, so it does not grow with those of fields. */
const aliasAbove = (alias: string, select: Select, field: string): string => `${alias}_${Object.keys(select).indexOf(field)}`

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

/** So many instances that a member sees are looked up one by one, and then looked through for each row that they may belong to. */
const fewInstances = 500

/** Whether a condition on instances hangs on grants. */
const hangsOnGrants = (where: object): boolean =>
  Object.entries(where).some(([name, value]) => name === 'access' || (Array.isArray(value) && (name === 'AND' || name === 'OR') && value.some(hangsOnGrants)))

/** Where rows are that belong to another one. */
interface Belonging {
  readonly belonging?: string | undefined
  readonly parent?: Place['parent']
}

/**
 * Writes the rows of a query, in their order. In a page, instances that a member sees are looked up by their grants if they are few, whatever number of
 * instances there is, and once for all rows that they may belong to; the planner expects as many for everybody, and would read all instances of an app.
 */
function rows(out: SqlWriter, model: string, query: Omit<Query, 'select'>, alias: string, { belonging = 'TRUE', parent }: Belonging = {}): void {
  const { where = {}, orderBy = [], take } = query
  const found = (place: Place, belongs = 'TRUE'): SqlWriter => {
    out.text(`SELECT * FROM ${tableOf(model).name} ${alias} WHERE ${belongs} AND `)
    condition(out, where, alias, model, place)
    return out
  }
  const first = (): void => {
    if (orderBy.length > 0) out.text(` ORDER BY ${orderBy.map((by) => ordered(model, by, alias).join(' ')).join()}`)
    // As parameters: the planner expects few rows then, and follows the order by its index.
    if (take !== undefined) out.text(' LIMIT ').value(take).text(' OFFSET ').value(0)
  }
  if (model !== 'AppInstance' || take === undefined || !hangsOnGrants(where)) found({ parent }, belonging)
  else {
    const areFew = `(SELECT count(*) FROM few) <= ${fewInstances}`
    out.text('SELECT * FROM (WITH few AS MATERIALIZED (')
    found({ grants: 'lookedUp' }).text(` LIMIT ${fewInstances + 1}) SELECT * FROM few ${alias} WHERE ${belonging} AND ${areFew} UNION ALL (`)
    found({ parent, grants: 'hashed' }, belonging).text(` AND NOT ${areFew}`)
    first()
    out.text(`)) ${alias}`)
  }
  first()
}

/**
 * Writes what is selected of a row, as a JSON array, which costs PostgreSQL half as much as an object. Only names of the schema come here: what else a
 * statement holds are parameters. `isPage`: the rows that it belongs to are found already, see `list`.
 */
function row(out: SqlWriter, model: string, select: Select, alias: string, isPage: boolean): void {
  const { columns } = tableOf(model)
  out.text('json_build_array(')
  out.each(Object.entries(select), ',', ([field, wanted]) => {
    const type = columns.get(field)
    if (wanted === true && (type === undefined || type === 'Bytes')) throw new Error(`${field} of ${model} cannot be selected`)
    if (wanted === true) out.text(`${alias}.${columnOf(field)}${type === 'BigInt' ? '::text' : ''}`)
    else if (typeof wanted === 'function') out.sql(wanted(alias))
    else belonging(out, model, select, field, alias, isPage)
  })
  out.text(')')
}

function belonging(out: SqlWriter, model: string, select: Select, field: string, alias: string, isPage: boolean): void {
  const [relation, wanted] = [relationOf(model, field), select[field] as Query]
  if (relation.isMany) {
    const inner = below(alias)
    out.text('(')
    list(out, relation.model, wanted, inner, { belonging: joined(inner, alias, relation), parent: { ours: relation.theirs, alias } }).text(')')
    return
  }
  const other = aliasAbove(alias, select, field)
  out.text(isPage ? `((SELECT jsonb_object_agg(${other}.${columnOf(relation.theirs)},` : '(SELECT ')
  row(out, relation.model, wanted.select, other, isPage)
  if (isPage) out.text(`) FROM ${other}) -> ${alias}.${columnOf(relation.ours)})`)
  else out.text(` FROM ${tableOf(relation.model).name} ${other} WHERE ${joined(other, alias, relation)})`)
}

/** The rows that those with this alias belong to, as far as they are selected, and those that these belong to. */
const above = (model: string, select: Select, alias: string): { relation: Relation; here: string; there: string }[] =>
  Object.entries(select).flatMap(([field, wanted]) => {
    const relation = typeof wanted === 'object' ? relationOf(model, field) : null
    if (!relation || relation.isMany) return []
    const there = aliasAbove(alias, select, field)
    return [{ relation, here: alias, there }, ...above(relation.model, (wanted as Query).select, there)]
  })

/**
 * Writes a statement that answers the rows of a query as one value. What the rows of a page belong to is found once for all of them: looked up for
 * each, a small table would be read from end to end each time. It is not joined: the planner does not know how few rows a page has, and takes longer for
 * joins than they do.
 */
function list(out: SqlWriter, model: string, query: Query, alias: string, { as = '', ...place }: Belonging & { as?: string } = {}): SqlWriter {
  const others = query.take === undefined ? [] : above(model, query.select, alias)
  const isPage = others.length > 0
  const found = (): void => {
    out.text('(')
    rows(out, model, query, alias, place)
    out.text(')')
  }
  if (isPage) {
    out.text(`WITH ${alias} AS MATERIALIZED `)
    found()
  }
  for (const { relation, here, there } of others) {
    const wanted = `${there}.${columnOf(relation.theirs)} = ANY(ARRAY(SELECT ${columnOf(relation.ours)} FROM ${here}))`
    out.text(`,${there} AS MATERIALIZED (SELECT * FROM ${tableOf(relation.model).name} ${there} WHERE ${wanted})`)
  }
  out.text('SELECT coalesce(json_agg(')
  row(out, model, query.select, alias, isPage)
  out.text(`),'[]')${as} FROM `)
  if (!isPage) found()
  return out.text(` ${alias}`)
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
  const [answer] = await run<{ rows: string }>(list(new SqlWriter(), model, wanted, 't0', { as: '::text AS rows' }).end())
  const text = answer?.rows ?? '[]'
  if (text.length > longText) await turn()
  const found = (JSON.parse(text) as unknown[][]).map(rowMaker(model, wanted.select)) as Found[]
  if (text.length > longText) await turn()
  return found
}

/**
 * Counts rows, at most one above `most`. They are found in the order of a column, by its index: without one the planner may read rows of all
 * organizations until there are enough.
 */
export async function counted(
  { run }: Pick<Connection, 'run'>,
  model: string,
  { where, by, most }: { where: object; by: string; most: number },
): Promise<number> {
  const out = new SqlWriter().text('SELECT count(*)::int AS rows FROM (')
  rows(out, model, { where, orderBy: [{ [by]: 'desc' }], take: most + 1 }, 't0')
  const [answer] = await run<{ rows: number }>(out.text(') t0').end())
  return answer?.rows ?? 0
}
