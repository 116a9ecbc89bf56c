import DataLoader from 'dataloader'
import { execute, GraphQLInt, GraphQLList, GraphQLNonNull, GraphQLObjectType, GraphQLSchema, parse } from 'graphql'
import { expect, test } from 'vitest'
import { createPace, minPacedRows, type Pace, paceSchema } from '../../src/graphql/pace.ts'

interface Row {
  n: number
}

/** Rows in rows, whose field `read` asks a loader; every seventh row is null, every eleventh fails. */
function createSchema(): GraphQLSchema {
  const row: GraphQLObjectType = new GraphQLObjectType({
    name: 'Row',
    fields: () => ({
      n: { type: new GraphQLNonNull(GraphQLInt) },
      read: { type: GraphQLInt, resolve: ({ n }: Row, _arguments, { loader }: { loader: DataLoader<number, number> }) => loader.load(n) },
      failing: {
        type: GraphQLInt,
        resolve: ({ n }: Row) => {
          if (n % 11 === 0) throw new Error(`row ${n} fails`)
          return n
        },
      },
      rows: { type: new GraphQLList(row), resolve: ({ n }: Row) => Array.from({ length: 5 }, (_, index) => ({ n: n * 10 + index })) },
      busy: {
        type: GraphQLInt,
        resolve: ({ n }: Row) => {
          const until = performance.now() + 1
          while (performance.now() < until);
          return n
        },
      },
    }),
  })
  const rows = {
    type: new GraphQLList(row),
    resolve: () => Array.from({ length: 100 }, (_, n) => (n % 7 === 6 ? null : n % 10 === 9 ? Promise.resolve({ n }) : { n })),
  }
  return new GraphQLSchema({ query: new GraphQLObjectType({ name: 'Query', fields: { rows, later: { ...rows, resolve: async () => rows.resolve() } } }) })
}

async function run(query: string, isPaced: boolean) {
  const pace: Pace = createPace()
  pace.expect(isPaced ? minPacedRows : minPacedRows - 1)
  const batches: number[] = []
  const read = async (keys: readonly number[]): Promise<number[]> => {
    batches.push(keys.length)
    return keys.map((key) => -key)
  }
  const loader = new DataLoader(read, { cache: false, batchScheduleFn: pace.whenAsked })
  const answer = await execute({ schema: paceSchema(createSchema()), document: parse(query), contextValue: { pace, loader } })
  // Errors come in the order in which rows are done, which nobody promises.
  const errors = (answer.errors ?? []).map((error) => `${error.path?.join('.')}: ${error.message}`).sort()
  return { answer: JSON.stringify(answer.data), errors, batches }
}

for (const list of ['rows', 'later']) {
  test(`in turns or not, ${list} answers the same rows, nulls and errors`, async () => {
    const query = `{ ${list} { n failing rows { n failing rows { failing } } } }`
    const [paced, unpaced] = [await run(query, true), await run(query, false)]
    expect(paced.errors.length).toBeGreaterThan(100)
    expect(paced).toEqual(unpaced)
  })

  test(`what rows of ${list} ask for in different turns is read at once`, async () => {
    const query = `{ ${list} { read rows { read rows { read } } } }`
    const { batches } = await run(query, true)
    expect(batches.reduce((sum, size) => sum + size)).toBe(86 * (1 + 5 + 25))
    expect(batches).toHaveLength((await run(query, false)).batches.length)
  })
}

test('whoever else is there gets turns while many rows are executed, and few rows are executed without a pause', async () => {
  const turnsOfOthers = async (isPaced: boolean): Promise<number> => {
    let isOver = false
    let turns = 0
    const other = (): void => {
      turns++
      if (!isOver) setImmediate(other)
    }
    setImmediate(other)
    await run('{ rows { busy } }', isPaced)
    isOver = true
    return turns
  }
  // 86 rows of a millisecond each, in turns of ten.
  expect(await turnsOfOthers(true)).toBeGreaterThan(4)
  expect(await turnsOfOthers(false)).toBeLessThan(3)
})

test('a row that waits for what is read after all have asked holds up nobody', async () => {
  const { errors, answer } = await run('{ rows { read rows { n } } later { read rows { read } } }', true)
  expect(errors).toEqual([])
  expect(answer).toContain('{"read":-1,"rows":[{"n":10}')
})
