import { readFileSync } from 'node:fs'
import { buildSchema, type GraphQLSchema } from 'graphql'
import { parse } from 'yaml'
import { as, type Person } from '../support/company.ts'
import type { As } from '../support/server.ts'

const { roles: columns, ...rows } = parse(readFileSync('test/access/permissions.yaml', 'utf8')) as { roles: string[] } & Record<
  string,
  Record<string, unknown[]>
>
export const roles: readonly string[] = columns

/** What stands in the table, by root field, then case, then the column of a role. */
export const table: Readonly<Record<string, Readonly<Record<string, readonly unknown[]>>>> = rows

export const schema = buildSchema(readFileSync('schema/schema.graphql', 'utf8'))

/** The names of a schema's root fields, as the table writes them. */
export const rootFields = (of: GraphQLSchema): string[] =>
  [of.getQueryType(), of.getMutationType(), of.getSubscriptionType()]
    .flatMap((type) => Object.keys(type?.getFields() ?? {}).map((field) => `${type?.name}.${field}`))
    .sort()

export const persons: Readonly<Record<string, Person | null>> = {
  orgOwner: 'ownA',
  auraOwner: 'auraA',
  instanceOwner: 'devA',
  instanceUser: 'dev2A',
  otherMember: 'viewA',
  otherOrg: 'ownB',
  nobody: null,
}

export interface Cell {
  readonly field: string
  readonly name: string
  readonly role: string
  readonly person: Person | null
  readonly sender: As
  readonly expected: string
}

/** The cells of a root field, without those that cannot be. */
export const cellsOf = (field: string): Cell[] =>
  Object.entries(table[field] ?? {}).flatMap(([name, row]) =>
    // YAML reads a bare null as nothing.
    row.map(String).flatMap((expected, column): Cell[] => {
      const role = roles[column] ?? ''
      const person = persons[role] ?? null
      return expected === '-' ? [] : [{ field, name, role, person, sender: person && as(person), expected }]
    }),
  )
