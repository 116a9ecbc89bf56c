import { type Connection, Prisma } from './client.ts'
import { columnOf, sqlOf } from './conditions.ts'
import { tableOf } from './tables.ts'
import { timeOfJson } from './times.ts'

type Sql = Prisma.Sql
type Way = 'asc' | 'desc'

/** What is read of each row: its columns, rows that belong to it, and what is reckoned beside the row of an alias, as JSON. */
export interface Select {
  readonly [field: string]: true | Query | ((alias: string) => Sql)
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

const order = (alias: string, model: string, orderBy: readonly object[]): Sql[] =>
  orderBy.flatMap((each) =>
    Object.entries(each).map(([field, way]: [string, Way | object]) => {
      if (typeof way === 'string') return Prisma.sql`${Prisma.raw(alias)}.${columnOf(field)} ${Prisma.raw(way === 'desc' ? 'DESC' : 'ASC')}`
      const relation = relationOf(model, field)
      const inner = below(alias)
      const [theirs] = order(inner, relation.model, [way])
      const [column = '', direction = ''] = theirs?.text.split(' ') ?? []
      return Prisma.sql`(SELECT ${Prisma.raw(column)} FROM ${Prisma.raw(tableOf(relation.model).name)} ${Prisma.raw(inner)}
        WHERE ${joined(inner, alias, relation)}) ${Prisma.raw(direction)}`
    }),
  )

function relationOf(model: string, field: string) {
  const relation = tableOf(model).relations.get(field)
  if (!relation) throw new Error(`no ${field} of ${model}`)
  return relation
}

const joined = (there: string, here: string, { theirs, ours }: { theirs: string; ours: string }): Sql =>
  Prisma.sql`${Prisma.raw(there)}.${columnOf(theirs)} = ${Prisma.raw(here)}.${columnOf(ours)}`

/** The rows of a query, in their order. */
function rows(model: string, { where = {}, orderBy = [], take }: Query, alias: string, belonging: Sql = Prisma.sql`TRUE`): Sql {
  const ordered = order(alias, model, orderBy)
  return Prisma.sql`SELECT * FROM ${Prisma.raw(tableOf(model).name)} ${Prisma.raw(alias)} WHERE ${belonging} AND ${sqlOf(where, alias)}
    ${ordered.length > 0 ? Prisma.sql`ORDER BY ${Prisma.join(ordered)}` : Prisma.empty} ${take === undefined ? Prisma.empty : Prisma.sql`LIMIT ${take} OFFSET ${0}`}`
}

/** What is selected of a row, as JSON. */
function row(model: string, select: Select, alias: string): Sql {
  const { columns } = tableOf(model)
  const parts = Object.entries(select).map(([field, wanted]) => {
    const type = columns.get(field)
    // Only names of the schema come here: what else a statement holds are parameters.
    if (wanted === true) {
      if (type === undefined || type === 'Bytes') throw new Error(`${field} of ${model} cannot be selected`)
      return Prisma.sql`${Prisma.raw(`'${field}'`)}, ${Prisma.raw(alias)}.${columnOf(field)}${type === 'BigInt' ? Prisma.raw('::text') : Prisma.empty}`
    }
    if (typeof wanted === 'function') return Prisma.sql`${Prisma.raw(`'${field}'`)}, ${wanted(alias)}`
    const relation = relationOf(model, field)
    const inner = below(alias)
    const value = row(relation.model, wanted.select, inner)
    const belongs = joined(inner, alias, relation)
    return relation.isMany
      ? Prisma.sql`${Prisma.raw(`'${field}'`)}, (SELECT coalesce(json_agg(${value}), '[]') FROM (${rows(relation.model, wanted, inner, belongs)}) ${Prisma.raw(inner)})`
      : Prisma.sql`${Prisma.raw(`'${field}'`)}, (SELECT ${value} FROM ${Prisma.raw(tableOf(relation.model).name)} ${Prisma.raw(inner)} WHERE ${belongs})`
  })
  return Prisma.sql`json_build_object(${Prisma.join(parts)})`
}

/** The same without what is reckoned beside rows, for Prisma. */
export function ofColumns<Query extends object>(query: Query): Query {
  const { select, ...rest } = query as { select?: Select }
  if (!select) return query
  const kept = Object.entries(select).filter(([, wanted]) => typeof wanted !== 'function')
  return { ...rest, select: Object.fromEntries(kept.map(([field, wanted]) => [field, typeof wanted === 'object' ? ofColumns(wanted) : wanted])) } as Query
}

type Row = Record<string, unknown>
type Revive = (row: Row) => void

const inPlace =
  (field: string, revived: (text: string) => unknown): Revive =>
  (found) => {
    if (found[field] !== null) found[field] = revived(found[field] as string)
  }

/** Gives what JSON has as texts the types that Prisma gives them. */
function revivers(model: string, select: Select): Revive[] {
  const { columns } = tableOf(model)
  return Object.entries(select).flatMap(([field, wanted]): Revive[] => {
    const type = columns.get(field)
    if (type === 'DateTime') return [inPlace(field, timeOfJson)]
    if (type === 'BigInt') return [inPlace(field, BigInt)]
    if (wanted === true || typeof wanted === 'function') return []
    const inner = revivers(relationOf(model, field).model, wanted.select)
    if (inner.length === 0) return []
    return [
      (found) => {
        const value = found[field] as Row | Row[] | null
        for (const each of Array.isArray(value) ? value : [value]) if (each !== null) for (const revive of inner) revive(each)
      },
    ]
  })
}

/**
 * Reads what Prisma's `findMany` reads, with all that belongs to the rows, by one statement of our own: Prisma costs several times as much as the
 * statement. The text of all rows is one value, so that no driver looks at each.
 */
export async function selected<Found>({ run }: Pick<Connection, 'run'>, model: string, query: object): Promise<Found[]> {
  const wanted = query as Query
  const [answer] = await run<{ rows: string | null }>(
    Prisma.sql`SELECT json_agg(${row(model, wanted.select, 't0')})::text AS rows FROM (${rows(model, wanted, 't0')}) t0`,
  )
  const found = JSON.parse(answer?.rows ?? '[]') as Row[]
  const revive = revivers(model, wanted.select)
  for (const each of found) for (const reviver of revive) reviver(each)
  return found as Found[]
}
