import {
  defaultFieldResolver,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isIntrospectionType,
  isLeafType,
  isListType,
  isObjectType,
} from 'graphql'

/** Operations with fewer rows run without a pause: they block the event loop no longer than one turn. */
export const minPacedRows = 300
/** How long the rows of one turn may take, in milliseconds; other requests run between turns. */
const turnMs = 10
/** Rows of a turn until their duration is known. */
const firstRows = 10
const [fewestRows, mostRows] = [5, 1_000]

/** Where rows are: all rows of one place have the same selections. */
type Place = string

/** Executes an operation with pauses: rows continue in turns, grouped by place, and their reads are sent once all rows have asked. */
export interface Pace {
  /** Sets the operation's maximum of rows. Before this call, it is paced. */
  expect(rows: number): void
  /** The maximum of rows. */
  readonly rows: number
  /** Whether the operation has enough rows to need pauses. */
  readonly isPaced: boolean
  /** Returns the row, or a promise that resolves in its turn. */
  row<Row>(row: Row, place: Place): Row | Promise<Row>
  /** For a DataLoader: calls `read` once all running rows have asked. */
  readonly whenAsked: (read: () => void) => void
}

/** Runs after all promises that can settle now, like a DataLoader's default. */
const settled = (then: () => void): void => void Promise.resolve().then(() => process.nextTick(then))

/** A class, as `Edge` in pages: each operation has one. */
class Turns implements Pace {
  rows = Number.POSITIVE_INFINITY
  #isTurning = false
  #rowsOfTurn = firstRows
  readonly #places = new Map<Place, (() => void)[]>()
  readonly #asking: (() => void)[] = []
  readonly whenAsked = (read: () => void): void => settled(() => (this.#isTurning ? void this.#asking.push(read) : read()))

  expect(rows: number): void {
    this.rows = rows
  }

  get isPaced(): boolean {
    return this.rows >= minPacedRows
  }

  row<Row>(row: Row, place: Place): Row | Promise<Row> {
    if (!this.isPaced) return row
    return new Promise((resolve) => {
      const waiting = this.#places.get(place) ?? []
      this.#places.set(place, waiting)
      waiting.push(() => resolve(row))
      if (this.#isTurning) return
      this.#isTurning = true
      setImmediate(() => this.#next())
    })
  }

  // A timer that fires after those of the Prisma plugin, which batches rows to reload by timers: each turn must start with an empty batch, so
  // that all turns of a place ask for the same.
  #next(): void {
    setTimeout(() => this.#turn())
  }

  #turn(): void {
    const [place, waiting] = this.#places.entries().next().value ?? []
    if (place === undefined || waiting === undefined) {
      this.#isTurning = false
      for (const read of this.#asking.splice(0)) read()
      return
    }
    const started = performance.now()
    const released = waiting.splice(0, this.#rowsOfTurn)
    if (waiting.length === 0) this.#places.delete(place)
    for (const release of released) release()
    settled(() => {
      const possible = (released.length * turnMs) / Math.max(performance.now() - started, 0.1)
      this.#rowsOfTurn = Math.round(Math.min(Math.max(possible, fewestRows), released.length * 2 + fewestRows, mostRows))
      this.#next()
    })
  }
}

export const createPace = (): Pace => new Turns()

function placeOf({ parentType, path }: GraphQLResolveInfo): Place {
  let place = parentType.name
  for (let at: typeof path | undefined = path; at; at = at.prev) if (typeof at.key === 'string') place += ` ${at.key}`
  return place
}

type Resolved = (resolved: unknown, context: { pace: Pace }, info: GraphQLResolveInfo) => unknown

const paced: Resolved = (rows, { pace }, info) => {
  if (!Array.isArray(rows)) return rows
  const place = placeOf(info)
  // Promised rows have their own turns.
  return rows.map((row: unknown) => (row instanceof Promise || row === null ? row : pace.row(row, place)))
}

const pacedEvent: Resolved = (event, { pace }, info) => pace.row(event, info.fieldName)

/** Executes the rows of every list, and the events of a feed, in turns. Changes `schema` in place; order, nulls and error paths stay. */
export function paceSchema(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || isIntrospectionType(type)) continue
    for (const field of Object.values(type.getFields())) {
      const isList = isListType(getNullableType(field.type)) && !isLeafType(getNamedType(field.type))
      if (!isList && type !== schema.getSubscriptionType()) continue
      const resolve = field.resolve ?? defaultFieldResolver
      const inTurns = isList ? paced : pacedEvent
      field.resolve = (source, args, context, info) => {
        const resolved: unknown = resolve(source, args, context, info)
        return resolved instanceof Promise ? resolved.then((rows) => inTurns(rows, context, info)) : inTurns(resolved, context, info)
      }
    }
  }
  return schema
}
