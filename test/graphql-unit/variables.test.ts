import { type ExecutionArgs, GraphQLList, GraphQLObjectType, GraphQLScalarType, GraphQLSchema, GraphQLString, parse } from 'graphql'
import { expect, test } from 'vitest'
import { variableErrors } from '../../src/graphql/variables.ts'

let parsed = 0
/** Counts the values that are looked at, and takes none. */
const Never = new GraphQLScalarType({
  name: 'Never',
  parseValue: () => {
    parsed++
    throw new Error('no')
  },
})
const args = { of: { type: new GraphQLList(Never) }, text: { type: new GraphQLList(GraphQLString) } }
const schema = new GraphQLSchema({ query: new GraphQLObjectType({ name: 'Query', fields: { all: { type: GraphQLString, args } } }) })
const errorsOf = (declared: string, variableValues: object) =>
  variableErrors({ schema, document: parse(`query (${declared}) { all }`), variableValues } as unknown as ExecutionArgs)

test('wrong values are looked at until there are ten errors, and no further', () => {
  parsed = 0
  expect(errorsOf('$v: [Never]', { v: Array(100).fill(1) })).toHaveLength(10)
  expect(parsed).toBe(10)
  expect(errorsOf('$a: [Never], $b: [Never]', { a: [1, 2, 3], b: Array(30_000).fill(1) })).toHaveLength(10)
  expect(parsed).toBeLessThanOrEqual(20)
  const many = Array.from({ length: 400 }, (_, index) => `$v${index}: Never!`).join(' ')
  expect(errorsOf(many, {})).toHaveLength(10)
  expect(errorsOf('$v: [[Never]]', { v: Array(90).fill(Array(90).fill('\0')) })).toHaveLength(10)
})

test('a list has at most a hundred items, at any depth and of any type', () => {
  const fields = (value: unknown) => errorsOf('$v: [String]', { v: value }).map(({ message }) => message)
  expect(fields(Array(100).fill('x'))).toEqual([])
  expect(fields(Array(101).fill('x'))).toEqual(['v: may have at most 100 items'])
  expect(fields([Array(101).fill('x')])).toContain('v: may have at most 100 items')
  expect(fields({ inner: { list: Array(101).fill('x') } })).toContain('inner.list: may have at most 100 items')
})

test('an error does not repeat more of a name than tells it apart', () => {
  const [error] = errorsOf('$v: String', { v: { [`${'x'.repeat(50_000)}`]: '\0' } })
  expect(error?.message.length).toBeLessThan(300)
  expect(String(error?.extensions['field']).length).toBeLessThanOrEqual(200)
})
