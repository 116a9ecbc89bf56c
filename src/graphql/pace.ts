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

/** Operations of fewer rows are executed without a pause: they hold the event loop no longer than one turn. */
export const minPacedRows = 300
/** How long the rows of one turn may take, in milliseconds; everybody else gets theirs in between. */
const turnMs = 10
/** Rows of a turn before it is known how long they take. */
const firstRows = 10
const [fewestRows, mostRows] = [5, 1_000]

/** Where rows stand: all of one place are fields of the same selections. */
type Place = string

/** Executes an operation with pauses: rows go on in turns, those of one place together, and what they ask for is read when all have asked. */
export interface Pace {
  /** The operation reads at most so many rows. Until it is said, they may be many. */
  expect(rows: number): void
  /** It has so many rows that it is executed with pauses. */
  readonly isPaced: boolean
  /** The row itself, or a promise of it that is kept in its turn. */
  row<Row>(row: Row, place: Place): Row | Promise<Row>
  /** For a DataLoader: calls once everything that runs has asked for what it needs. */
  readonly whenAsked: (read: () => void) => void
}

export function createPace(): Pace {
  let isPaced = true
  let isTurning = false
  let rowsOfTurn = firstRows
  const places = new Map<Place, (() => void)[]>()
  const asking: (() => void)[] = []

  /** After all promises that can be kept now, as a DataLoader waits by itself. */
  const settled = (then: () => void): void => void Promise.resolve().then(() => process.nextTick(then))

  function turn(): void {
    const [place, waiting] = places.entries().next().value ?? []
    if (place === undefined || waiting === undefined) {
      isTurning = false
      for (const read of asking.splice(0)) read()
      return
    }
    const started = performance.now()
    const released = waiting.splice(0, rowsOfTurn)
    if (waiting.length === 0) places.delete(place)
    for (const release of released) release()
    settled(() => {
      const possible = (released.length * turnMs) / Math.max(performance.now() - started, 0.1)
      rowsOfTurn = Math.round(Math.min(Math.max(possible, fewestRows), released.length * 2 + fewestRows, mostRows))
      next()
    })
  }

  // A timer, behind those of the Prisma plugin: it gathers rows to read again by timers, and each turn must begin with none gathered, so that
  // all turns of a place ask for the same.
  const next = (): void => void setTimeout(turn)

  return {
    expect: (rows) => {
      isPaced = rows >= minPacedRows
    },
    get isPaced() {
      return isPaced
    },
    row: (row, place) => {
      if (!isPaced) return row
      return new Promise((resolve) => {
        const waiting = places.get(place) ?? []
        places.set(place, waiting)
        waiting.push(() => resolve(row))
        if (isTurning) return
        isTurning = true
        setImmediate(next)
      })
    },
    whenAsked: (read) => settled(() => (isTurning ? void asking.push(read) : read())),
  }
}

function placeOf({ parentType, path }: GraphQLResolveInfo): Place {
  let place = parentType.name
  for (let at: typeof path | undefined = path; at; at = at.prev) if (typeof at.key === 'string') place += ` ${at.key}`
  return place
}

type Resolved = (resolved: unknown, context: { pace: Pace }, info: GraphQLResolveInfo) => unknown

const paced: Resolved = (rows, { pace }, info) => {
  if (!Array.isArray(rows)) return rows
  const place = placeOf(info)
  // What is promised has turns of its own.
  return rows.map((row: unknown) => (row instanceof Promise || row === null ? row : pace.row(row, place)))
}

const pacedEvent: Resolved = (event, { pace }, info) => pace.row(event, info.fieldName)

/** Executes the rows of every list in turns, and so the events of a feed. In place: order, nulls and paths of errors stay what they are. */
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
