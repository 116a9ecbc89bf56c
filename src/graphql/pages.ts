import type { Cursors, Position } from '../crypto/cursor.ts'
import { badInput } from '../errors.ts'

export const defaultPageSize = 20
export const maxPageSize = 100

export interface PageArguments {
  first?: number | null | undefined
  after?: string | null | undefined
  last?: number | null | undefined
  before?: string | null | undefined
}

/** A total order of rows: by one value, which every row has, then by id. */
export interface KeysetOrder<Row> {
  readonly name: string
  /** The column that breaks ties between equal values; `id` by default. */
  readonly unique?: string
  readonly direction: 'asc' | 'desc'
  /** The row's value as the cursor stores it. */
  value(row: Row): string
  orderBy(direction: 'asc' | 'desc'): object
  /** Rows whose value is on that side of the given one. */
  beyond(operator: 'gt' | 'lt' | 'gte' | 'lte', value: string): object
  equal(value: string): object
}

export interface Keyset<Row> {
  readonly query: { where: object; orderBy: object[]; take: number }
  /** Turns the rows of the query into a connection. */
  connect(rows: readonly Row[]): {
    edges: { cursor: string; node: Row }[]
    pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null }
  }
}

/**
 * Its cursor is signed only when it is read: a hundred signatures cost more than a hundred rows. A class, since each object that is written with a
 * getter of its own makes V8 keep a shape of its own, and what that refers to, until the next collection of everything.
 */
class Edge<Row> {
  readonly node: Row
  readonly #cursorOf: (node: Row) => string
  constructor(node: Row, cursorOf: (node: Row) => string) {
    this.node = node
    this.#cursorOf = cursorOf
  }
  get cursor(): string {
    return this.#cursorOf(this.node)
  }
}

class PageInfo {
  readonly hasNextPage: boolean
  readonly hasPreviousPage: boolean
  readonly #edges: readonly { readonly cursor: string }[]
  constructor(edges: readonly { readonly cursor: string }[], hasNextPage: boolean, hasPreviousPage: boolean) {
    this.#edges = edges
    this.hasNextPage = hasNextPage
    this.hasPreviousPage = hasPreviousPage
  }
  get startCursor(): string | null {
    return this.#edges[0]?.cursor ?? null
  }
  get endCursor(): string | null {
    return this.#edges.at(-1)?.cursor ?? null
  }
}

function pageSize(field: string, value: number): number {
  if (value < 0 || value > maxPageSize) throw badInput(field, `must be from 0 to ${maxPageSize}`)
  return value
}

function after<Row>(order: KeysetOrder<Row>, direction: 'asc' | 'desc', [value = '', id]: Position): object {
  const operator = direction === 'asc' ? 'gt' : 'lt'
  const tail = { [order.unique ?? 'id']: { [operator]: id } }
  // The first condition is redundant, but an index can start there: a late page costs no more than the first.
  return { AND: [order.beyond(`${operator}e`, value), { OR: [order.beyond(operator, value), { AND: [order.equal(value), tail] }] }] }
}

/** Keyset pagination: `list` names the list, so that a cursor of another list or organization is rejected. */
export function keyset<Row extends object>(page: PageArguments, order: KeysetOrder<Row>, cursors: Cursors, list: string): Keyset<Row> {
  if (page.first != null && page.last != null) throw badInput('last', 'give first or last, not both')
  if (page.after != null && page.before != null) throw badInput('before', 'give after or before, not both')
  const backward = page.last != null || (page.before != null && page.first == null)
  const size = backward ? pageSize('last', page.last ?? defaultPageSize) : pageSize('first', page.first ?? defaultPageSize)
  const name = `${list}:${order.name}`
  const unique = order.unique ?? 'id'
  const open = (field: 'after' | 'before'): Position | null => {
    const cursor = page[field]
    if (cursor == null) return null
    const position = cursors.open(name, cursor)
    if (!position) throw badInput(field, 'is not a cursor of this list')
    return position
  }
  const opposite = order.direction === 'asc' ? 'desc' : 'asc'
  const [start, end] = [open('after'), open('before')]
  const direction = backward ? opposite : order.direction
  const where = { AND: [...(start ? [after(order, order.direction, start)] : []), ...(end ? [after(order, opposite, end)] : [])] }
  return {
    query: { where, orderBy: [order.orderBy(direction), { [unique]: direction }], take: size + 1 },
    connect: (rows) => {
      const more = rows.length > size
      const taken = rows.slice(0, size)
      const cursorOf = (node: Row): string => cursors.seal(name, [order.value(node), String(node[unique as keyof Row])])
      const edges = (backward ? taken.reverse() : taken).map((node) => new Edge(node, cursorOf))
      return { edges, pageInfo: new PageInfo(edges, backward ? end !== null : more, backward ? more : start !== null) }
    },
  }
}

/** By a date that every row has. */
export const byDate = <Field extends string>(name: string, field: Field, direction: 'asc' | 'desc'): KeysetOrder<{ id: string } & Record<Field, Date>> => ({
  name,
  direction,
  value: (row) => row[field].toISOString(),
  orderBy: (way) => ({ [field]: way }),
  beyond: (operator, value) => ({ [field]: { [operator]: new Date(value) } }),
  equal: (value) => ({ [field]: new Date(value) }),
})

/** By name, in the order of code points. */
export const byName: KeysetOrder<{ id: string; name: string }> = {
  name: 'NAME_ASC',
  direction: 'asc',
  value: (row) => row.name,
  orderBy: (way) => ({ name: way }),
  beyond: (operator, value) => ({ name: { [operator]: value } }),
  equal: (value) => ({ name: value }),
}
