import { readFileSync } from 'node:fs'
import { buildSchema, GraphQLEnumType } from 'graphql'
import { expect, test } from 'vitest'
import { errorCodes } from '../../src/errors.ts'
import { statusOf } from '../../src/server/error-status.ts'

/** Code and status of each row of the table, if the row also says what the code means and what to do. */
const rowsOf = (text: string): [string, number][] =>
  [...text.matchAll(/^\| `(\w+)` \| (\d{3}) \| \S.* \| \S.* \|$/gm)].map(([, code = '', status]) => [code, Number(status)])
const told = (codes: readonly string[]): [string, number][] => codes.map((code) => [code, statusOf(code)])

test('docs/errors.md and the enum ErrorCode have every code of the code, with its status, and no other', () => {
  expect(rowsOf(readFileSync('docs/errors.md', 'utf8'))).toEqual(told(errorCodes))
  const type = buildSchema(readFileSync('schema/schema.graphql', 'utf8')).getType('ErrorCode')
  const names = type instanceof GraphQLEnumType ? type.getValues().map(({ name }) => name) : []
  expect(names).toEqual([...errorCodes].sort())
})

test('a code without a row, a row without a meaning and another status would be seen', () => {
  const table = '| `NOT_FOUND` | 400 | Nothing. | Reads. |\n| `INTERNAL` | 500 |  | Reports. |\n| `CONFLICT` | 409 | Taken. | Asks. |\n'
  expect(rowsOf(table)).toEqual([
    ['NOT_FOUND', 400],
    ['CONFLICT', 409],
  ])
  expect(rowsOf(table)).not.toEqual(told(['NOT_FOUND', 'CONFLICT']))
})
