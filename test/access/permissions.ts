import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, type Company, createCompany } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { openSocket, overEvents, type Socket, type Stream } from '../support/subscribe.ts'
import { authorizationOf, firstOf, overHttp } from '../support/transports.ts'
import { widen } from '../support/widen.ts'
import { operations, outcomeOf } from './cells.ts'
import { createSubjects, keepSubjects, type Subject, type Subjects } from './subjects.ts'
import { type Cell, cellsOf, schema, table } from './table.ts'

/** A cell's operation, which asks for everything that its answer can have; `seen` gets the names of these fields. */
export function operationOf({ field }: Cell, subject: Subject, company: Company, seen: Set<string> = new Set()) {
  const operation = operations[field]?.(subject, company)
  if (!operation) throw new Error(`nobody says how ${field} is sent`)
  return { ...operation, query: widen(schema, operation.query, seen) }
}

/** Registers the tests of one root, a test for each cell and transport. Those that change nothing run beside each other. */
export function testCells(root: 'Query' | 'Mutation' | 'Subscription'): void {
  let server: TestServer
  let company: Company
  /** For what a mutation changes, and for what is only looked at or refused. */
  let subjects: { fresh: Subjects; kept: Subjects }
  /** One for each role. */
  const sockets = new Map<string, Promise<Socket>>()

  beforeAll(async () => {
    server = await startServer({ WS_MAX_MESSAGES_PER_MINUTE: '1000000' })
    company = await createCompany(server)
    const fresh = await createSubjects(server, company)
    subjects = { fresh, kept: keepSubjects(fresh) }
  })
  afterAll(async () => {
    for (const socket of sockets.values()) (await socket).close()
    await server.close()
  })

  const isChange = ({ expected }: Cell): boolean => root === 'Mutation' && expected === 'data'
  const sent = async (cell: Cell) => operationOf(cell, await (isChange(cell) ? subjects.fresh : subjects.kept)(cell.name, cell.person), company)

  const opens: Readonly<Record<string, (sender: Pick<Cell, 'role' | 'sender'>, query: string, variables: object) => Promise<Stream<unknown>>>> = {
    WebSocket: async ({ role, sender }, query, variables) => {
      const socket = sockets.get(role) ?? authorizationOf(server, sender).then((authorization) => openSocket(server, authorization))
      sockets.set(role, socket)
      return (await socket).subscribe(query, variables)
    },
    SSE: async ({ sender }, query, variables) => overEvents(server, query, variables, await authorizationOf(server, sender)),
  }

  const cells = Object.keys(table).filter((field) => field.startsWith(`${root}.`))
  describe.each(cells)('AZ-04 %s', (field) => {
    for (const cell of cellsOf(field)) {
      const { name, role, sender, expected } = cell
      const register = isChange(cell) ? test : test.concurrent
      if (root === 'Subscription') {
        const refusal = role === 'nobody' ? 'UNAUTHENTICATED' : 'QUERY_REJECTED'
        register(`${name}, ${role} over plain HTTP: ${refusal}`, async () => {
          expect(outcomeOf(await overHttp(server, await sent(cell), sender))).toBe(refusal)
        })
      } else {
        register(`${name}, ${role} over HTTP: ${expected}`, async () => {
          const { only, ...operation } = await sent(cell)
          expect(outcomeOf(await overHttp(server, operation, sender), only)).toBe(expected)
        })
      }
      for (const [transport, open] of Object.entries(opens)) {
        register(`${name}, ${role} over ${transport}: ${expected}`, async () => {
          const { query, variables, only } = await sent(cell)
          const stream = await open(cell, query, variables)
          if (expected === 'silent') {
            // What an owner has heard by now, this one would have heard too.
            expect(outcomeOf(await firstOf(await open({ role: 'orgOwner', sender: as('ownA') }, query, variables)))).toBe('data')
            await stream.end()
          }
          expect(outcomeOf(await stream.next(), only)).toBe(expected === 'silent' ? 'ended' : expected)
          await stream.end()
        })
      }
    }
  })
}
