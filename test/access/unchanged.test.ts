import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { type Company, createCompany } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { overWebSocket } from '../support/subscribe.ts'
import { authorizationOf, everyTransport, type Sent } from '../support/transports.ts'
import { operations, outcomeOf } from './cells.ts'
import { countedRefusals, everyRow, refusalsOf } from './rows.ts'
import { createSubjects, keepSubjects, type Subjects } from './subjects.ts'
import { cellsOf, rootFields, schema, table } from './table.ts'

let server: TestServer
let company: Company
let subjects: Subjects
const mutations = Object.keys(table).filter((field) => field.startsWith('Mutation.'))
/** Refusals of rights; the others say what is wrong with the input. */
const ofRights = ['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND']

beforeAll(async () => {
  server = await startServer({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })
  company = await createCompany(server)
  subjects = keepSubjects(await createSubjects(server, company))
})
afterAll(() => server.close())

let before: Record<string, string[]>
beforeEach(async () => {
  before = await everyRow(server)
})
afterEach(async () => expect(await everyRow(server)).toEqual(before))

const mutation = async (field: string, name: string, person: Parameters<Subjects>[1]): Promise<Sent> => {
  const sent = operations[field]?.(await subjects(name, person), company)
  if (!sent) throw new Error(`nobody says how ${field} is sent`)
  return sent
}

test('every mutation of the schema is refused to somebody', () => {
  expect([...mutations].sort()).toEqual(rootFields(schema).filter((field) => field.startsWith('Mutation.')))
  for (const field of mutations) expect(cellsOf(field).filter(({ expected }) => ofRights.includes(expected)).length, field).toBeGreaterThan(3)
})

for (const field of mutations) {
  const refused = cellsOf(field).filter(({ expected }) => expected !== 'data')
  describe(`AZ-03 AZ-10 ${field}`, () => {
    // The subjects exist before the first look at the rows.
    beforeAll(async () => {
      for (const { name, person } of refused) await subjects(name, person)
    })

    for (const [transport, send] of Object.entries(everyTransport)) {
      test(`refused over ${transport} it changes no row of any table, and the log and the metrics say who was refused what`, async () => {
        const counted = await countedRefusals(server)
        for (const { name, person, sender, expected } of refused) {
          const sent = await mutation(field, name, person)
          server.log.length = 0
          expect(outcomeOf(await send(server, sent, sender)), `${name} by ${person}`).toBe(expected)
          const refusals = refusalsOf(server)
          if (!ofRights.includes(expected)) {
            expect(refusals).toEqual([])
            continue
          }
          // A socket of nobody is refused before it can name a field.
          const told = person === null ? [{ code: expected }] : [{ code: expected, field: field.replace('Mutation.', ''), ...whoIs(person) }]
          expect(refusals).toMatchObject(told)
          expect(refusals).toHaveLength(1)
          if (person !== null) expect(refusals[0]?.['requestId']).toMatch(/^[\da-f-]{36}$/)
          counted[expected] = (counted[expected] ?? 0) + 1
        }
        expect(await countedRefusals(server)).toEqual(counted)
      })
    }
  })
}

const whoIs = (person: keyof Company['members']) => {
  const { memberId, organizationId } = company.members[person]
  return { memberId, organizationId }
}

describe('AZ-14 the unexpired token of a removed member', () => {
  const subject = { subject: 'leaver', organization: 'a' }
  const cases: [string, Sent][] = []

  beforeAll(async () => {
    const { ownA } = company.members
    const { memberId } = await addMember(server.app.ports, ownA, { subject: subject.subject, name: 'leaver', role: 'OWNER' })
    const bearer = { authorization: (await authorizationOf(server, subject)) ?? '' }
    // They make what they could do everything with, on every mutation's own subject.
    for (const field of mutations) {
      const own = cellsOf(field).find(({ role, expected }) => role === 'orgOwner' && expected === 'data' && field !== 'Mutation.saveApiKeyAsSecret')
      const made = field === 'Mutation.saveApiKeyAsSecret' ? { id: await newToken(bearer) } : await subjects(own?.name ?? '', 'ownA')
      const sent = operations[field]?.(made, company)
      if (sent) cases.push([field, sent])
    }
    await removeMember(server.app.ports, ownA, { id: memberId, acknowledged: true })
  })
  const newToken = async (bearer: { authorization: string }): Promise<string> => {
    const query = `mutation { createApiKey(input: { instanceId: "${company.I2}", name: "x", expiresInDays: 1 }) { saveToken } }`
    const answer = (await (await server.post({ query }, bearer)).json()) as { data: { createApiKey: { saveToken: string } } }
    return answer.data.createApiKey.saveToken
  }

  for (const [transport, send] of Object.entries(everyTransport)) {
    test(`is refused over ${transport} on every mutation, and changes no row`, async () => {
      expect(cases.map(([field]) => field)).toEqual(mutations)
      for (const [field, sent] of cases) expect([field, outcomeOf(await send(server, sent, subject))]).toEqual([field, 'UNAUTHENTICATED'])
    })
  }

  test('opens no socket to subscribe on either', async () => {
    const stream = overWebSocket(server, 'subscription { keyCounts { total } }', {}, await authorizationOf(server, subject))
    expect(outcomeOf(await stream.next())).toBe('UNAUTHENTICATED')
    await stream.end()
  })
})
