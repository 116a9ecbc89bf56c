import { isObjectType } from 'graphql'
import { expect, test } from 'vitest'
import type { Company } from '../support/company.ts'
import { operations } from './cells.ts'
import { operationOf } from './permissions.ts'
import { cellsOf, persons, roles, rootFields, schema, table } from './table.ts'

test('AZ-04 every operation of the schema stands in the table with an outcome for each role, and nothing else does', () => {
  expect(Object.keys(table).sort()).toEqual(rootFields(schema))
  expect(Object.keys(operations).sort()).toEqual(rootFields(schema))
  const short = Object.entries(table).flatMap(([field, cases]) =>
    Object.entries(cases).flatMap(([name, row]) => (row.length === roles.length ? [] : [`${field} ${name}`])),
  )
  expect(short).toEqual([])
  expect(roles).toEqual(Object.keys(persons))
  for (const field of rootFields(schema)) expect([field, cellsOf(field).length >= roles.length]).toEqual([field, true])
})

test('every field of the schema was asked for as every role', () => {
  const fields = Object.values(schema.getTypeMap()).flatMap((type) =>
    isObjectType(type) && !type.name.startsWith('__') ? Object.keys(type.getFields()).map((field) => `${type.name}.${field}`) : [],
  )
  expect(fields.length).toBeGreaterThan(150)
  // What an operation asks for does not depend on whom it is about.
  const company = { members: { auraA: { memberId: '' } } } as unknown as Company
  for (const role of roles) {
    const seen = new Set<string>()
    for (const field of Object.keys(table)) for (const cell of cellsOf(field)) if (cell.role === role) operationOf(cell, { id: '' }, company, seen)
    expect([role, fields.filter((field) => !seen.has(field))]).toEqual([role, []])
  }
})
