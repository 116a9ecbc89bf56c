import { isObjectType } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, type Company, createCompany } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { transports } from '../support/subscribe.ts'
import { authorizationOf, everyTransport, type Sent } from '../support/transports.ts'
import { widen } from '../support/widen.ts'
import { operations, outcomeOf } from './cells.ts'
import { createSubjects, keepSubjects, type Subjects } from './subjects.ts'
import { type Cell, cellsOf, persons, roles, rootFields, schema, table } from './table.ts'

let server: TestServer
let company: Company
/** For what a mutation changes, and for what is only looked at or refused. */
let subjects: { fresh: Subjects; kept: Subjects }

beforeAll(async () => {
  server = await startServer({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })
  company = await createCompany(server)
  const fresh = await createSubjects(server, company)
  subjects = { fresh, kept: keepSubjects(fresh) }
})
afterAll(() => server.close())

/** The fields that were asked for, by role. */
const seen = new Map<string, Set<string>>()

async function sent({ field, name, person, role, expected }: Cell): Promise<Sent & { only?: string }> {
  const subject = await (field.startsWith('Mutation.') && expected === 'data' ? subjects.fresh : subjects.kept)(name, person)
  const operation = operations[field]?.(subject, company)
  if (!operation) throw new Error(`nobody says how ${field} is sent`)
  const fields = seen.get(role) ?? new Set()
  seen.set(role, fields)
  return { ...operation, query: widen(schema, operation.query, fields) }
}

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

for (const field of Object.keys(table)) {
  describe(`AZ-04 ${field}`, () => {
    for (const cell of cellsOf(field)) {
      const { name, role, sender, expected } = cell
      for (const [transport, send] of Object.entries(everyTransport)) {
        const subscribe = field.startsWith('Subscription.') ? transports[transport as keyof typeof transports] : null
        if (subscribe === null) {
          test(`${name}, ${role} over ${transport}: ${expected}`, async () => {
            const { only, ...operation } = await sent(cell)
            expect(outcomeOf(await send(server, operation, sender), only)).toBe(expected)
          })
        } else if (subscribe === undefined) {
          const refusal = role === 'nobody' ? 'UNAUTHENTICATED' : 'QUERY_REJECTED'
          test(`${name}, ${role} over plain ${transport}: ${refusal}`, async () => {
            expect(outcomeOf(await send(server, await sent(cell), sender))).toBe(refusal)
          })
        } else {
          test(`${name}, ${role} over ${transport}: ${expected}`, async () => {
            const { query, variables = {} } = await sent(cell)
            const stream = subscribe(server, query, variables, await authorizationOf(server, sender))
            if (expected === 'silent') {
              // What an owner has heard by now, this one would have heard too.
              const owner = subscribe(server, query, variables, await authorizationOf(server, as('ownA')))
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
