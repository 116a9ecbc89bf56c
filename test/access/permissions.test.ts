import { readFileSync } from 'node:fs'
import { buildSchema, isObjectType } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { type Company, createCompany, type Person } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { transports } from '../support/subscribe.ts'
import { widen } from '../support/widen.ts'
import { createSubjects, operations, outcomeOf, type Subjects } from './cells.ts'

const { roles, ...table } = parse(readFileSync('test/access/permissions.yaml', 'utf8')) as { roles: string[] } & Record<string, Record<string, string[]>>
const persons: Record<string, Person | null> = {
  orgOwner: 'ownA',
  auraOwner: 'auraA',
  instanceOwner: 'devA',
  instanceUser: 'dev2A',
  otherMember: 'viewA',
  otherOrg: 'ownB',
  nobody: null,
}

let server: TestServer
let company: Company
let subjects: Subjects

beforeAll(async () => {
  server = await startServer({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })
  company = await createCompany(server)
  subjects = await createSubjects(server, company)
})
afterAll(() => server.close())

const schema = buildSchema(readFileSync('schema/schema.graphql', 'utf8'))
/** The fields that were asked for, by role. */
const seen = new Map<string, Set<string>>()
const rootFields = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
  Object.keys(type?.getFields() ?? {}).map((field) => `${type?.name}.${field}`),
)

test('AZ-04 every operation of the schema stands in the table with an outcome for each role, and nothing else does', () => {
  expect(Object.keys(table).sort()).toEqual(rootFields.sort())
  expect(Object.keys(operations).sort()).toEqual(rootFields.sort())
  const short = Object.entries(table).flatMap(([field, cases]) =>
    Object.entries(cases).flatMap(([name, row]) => (row.length === roles.length ? [] : [`${field} ${name}`])),
  )
  expect(short).toEqual([])
  expect(roles).toEqual(Object.keys(persons))
})

for (const [field, cases] of Object.entries(table)) {
  describe(`AZ-04 ${field}`, () => {
    for (const [name, row] of Object.entries(cases)) {
      // YAML reads a bare null as nothing.
      for (const [column, expected] of row.map(String).entries()) {
        const role = roles[column] as string
        if (expected === '-') continue
        const person = persons[role] as Person | null
        const authorization = async (): Promise<string | null> =>
          person === null ? null : `Bearer ${await server.token(person, person.endsWith('A') ? 'a' : 'b')}`
        const sent = async () => {
          const { query, ...rest } = operations[field]?.(await subjects(name, person), company) ?? { query: '', variables: {}, only: '' }
          const fields = seen.get(role) ?? new Set()
          seen.set(role, fields)
          return { query: widen(schema, query, fields), ...rest }
        }
        if (!field.startsWith('Subscription.')) {
          test(`${name}, ${role}: ${expected}`, async () => {
            const bearer = await authorization()
            const { only, ...body } = await sent()
            const response = await server.post(body, bearer === null ? null : { authorization: bearer })
            expect(response.status === 401).toBe(expected === 'UNAUTHENTICATED')
            expect(outcomeOf(await response.json(), only)).toBe(expected)
          })
          continue
        }
        for (const [transport, subscribe] of Object.entries(transports)) {
          test(`${name}, ${role} over ${transport}: ${expected}`, async () => {
            const { query, variables } = await sent()
            const stream = subscribe(server, query, variables, await authorization())
            if (expected === 'silent') {
              // What an owner has heard by now, this one would have heard too.
              const owner = subscribe(server, query, variables, `Bearer ${await server.token('ownA', 'a')}`)
              expect(outcomeOf(await owner.next())).toBe('data')
              await owner.end()
              await stream.end()
            }
            expect(outcomeOf(await stream.next())).toBe(expected === 'silent' ? 'ended' : expected)
            await stream.end()
          })
        }
      }
    }
  })
}

test('every field of the schema was asked for as every role', () => {
  const fields = Object.values(schema.getTypeMap()).flatMap((type) =>
    isObjectType(type) && !type.name.startsWith('__') ? Object.keys(type.getFields()).map((field) => `${type.name}.${field}`) : [],
  )
  expect(fields.length).toBeGreaterThan(150)
  for (const role of roles) expect([role, fields.filter((field) => !seen.get(role)?.has(field))]).toEqual([role, []])
})
