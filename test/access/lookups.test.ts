import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { addMember } from '../../src/members/add-member.ts'
import type { Change, Locked, Ports } from '../../src/ports.ts'
import { as, type Company, createCompany, type Person } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { transports } from '../support/subscribe.ts'
import { authorizationOf, everyTransport } from '../support/transports.ts'
import { operations, outcomeOf } from './cells.ts'
import { everyRow } from './rows.ts'
import { createSubjects, type Subject, type Subjects } from './subjects.ts'

let server: TestServer
let company: Company
let subjects: Subjects

beforeAll(async () => {
  server = await startServer({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })
  company = await createCompany(server)
  subjects = await createSubjects(server, company)
})
afterAll(() => server.close())
afterEach(() => vi.restoreAllMocks())

/** What the driver throws when its connection breaks, and what no one expects. */
const failures = {
  UNAVAILABLE: () => new Error('Connection terminated unexpectedly'),
  INTERNAL: () => Object.assign(new Error('a text that may hold values'), { code: 'P2010' }),
}
const stores = ['organizations', 'members', 'apps', 'instances', 'keys', 'secrets', 'events'] as const
type Call = `${(typeof stores)[number]}.${string}`

/** Replaces what every change reads and writes through: `meet` is told each call, and may throw in its place. */
function intercept(ports: Ports, meet: (call: Call) => void): void {
  const change = ports.change
  const intercepted: Change = (organizationId, body) =>
    change(organizationId, (locked) => {
      const watched = Object.fromEntries(
        stores.map((store) => [
          store,
          new Proxy(locked[store], {
            get: (target, name) => {
              const method: unknown = Reflect.get(target, name)
              if (typeof method !== 'function') return method
              return async (...parameters: unknown[]): Promise<unknown> => {
                meet(`${store}.${String(name)}`)
                return method.apply(target, parameters)
              }
            },
          }),
        ]),
      )
      return body({ ...locked, ...watched } as Locked)
    })
  vi.spyOn(ports, 'change').mockImplementation(intercepted as never)
}

/** The lookups under the lock that a permission hangs on, and what it is about; typed by hand. */
const underTheLock: [field: string, name: string, by: Person, lookups: Call[]][] = [
  ['createApp', 'own organization', 'auraA', ['members.scopeNow', 'apps.find', 'apps.count']],
  ['createAppInstance', 'app', 'auraA', ['members.scopeNow', 'apps.find']],
  ['deleteAppInstance', 'live instance', 'devA', ['members.scopeNow', 'instances.facts']],
  ['setInstanceAccess', 'live instance', 'devA', ['members.scopeNow', 'instances.facts', 'members.isPresent', 'instances.roleOf']],
  ['createApiKey', 'live instance', 'dev2A', ['members.scopeNow', 'instances.facts']],
  ['revokeApiKey', "another's key", 'devA', ['members.scopeNow', 'keys.facts']],
  ['revokeApiKeys', "another's key", 'devA', ['members.scopeNow', 'keys.facts']],
  ['addMember', 'own organization', 'ownA', ['members.scopeNow', 'members.bySubject']],
  ['removeMember', 'somebody', 'ownA', ['members.scopeNow', 'members.facts']],
  ['removeMember', 'last owner', 'ownA', ['members.scopeNow', 'members.facts', 'members.owners']],
  ['setMemberRole', 'somebody', 'ownA', ['members.scopeNow', 'members.facts']],
  ['setMemberRole', 'last owner', 'ownA', ['members.scopeNow', 'members.facts', 'members.owners']],
  ['saveApiKeyAsSecret', 'own new key', 'dev2A', ['members.scopeNow', 'keys.facts', 'secrets.ofKey', 'keys.record', 'secrets.isTaken']],
  ['revealSecret', 'own secret', 'dev2A', ['members.scopeNow', 'secrets.sealed']],
  ['deleteSecret', 'own secret', 'dev2A', ['members.scopeNow', 'secrets.find']],
]

test('AZ-08 every mutation has its lookups below', () => {
  const listed = new Set(underTheLock.map(([field]) => `Mutation.${field}`))
  expect([...listed].sort()).toEqual(
    Object.keys(operations)
      .filter((field) => field.startsWith('Mutation.'))
      .sort(),
  )
})

for (const [field, name, by, lookups] of underTheLock) {
  describe(`AZ-08 ${field} of ${name}`, () => {
    const sent = (subject: Subject) => {
      const operation = operations[`Mutation.${field}`]?.(subject, company)
      if (!operation) throw new Error(`nobody says how ${field} is sent`)
      return operation
    }

    test(`each lookup under the lock that fails denies, and changes no row: ${lookups.join(', ')}`, async () => {
      const subject = await subjects(name, by)
      const before = await everyRow(server)
      for (const broken of lookups) {
        for (const [code, failure] of Object.entries(failures)) {
          for (const [transport, send] of Object.entries(everyTransport)) {
            let met = 0
            intercept(server.app.ports, (call) => {
              if (call !== broken) return
              met++
              throw failure()
            })
            const answer = await send(server, sent(subject), as(by))
            vi.restoreAllMocks()
            expect([broken, transport, met, outcomeOf(answer), answer.data]).toEqual([broken, transport, 1, code, { [field]: null }])
            expect(JSON.stringify(answer)).not.toContain('may hold values')
          }
        }
      }
      expect(await everyRow(server)).toEqual(before)
      // Nothing but these was met before the first write: no lookup is missing from the list.
      const calls: Call[] = []
      intercept(server.app.ports, (call) => void calls.push(call))
      const answer = outcomeOf(await everyTransport.HTTP(server, sent(subject), as(by)))
      expect(answer).toBe(name === 'last owner' ? 'CONFLICT' : 'data')
      expect(calls.slice(0, lookups.length)).toEqual(lookups)
      expect(calls[lookups.length] ?? 'secrets.insert').toMatch(/\.(insert|mark\w+|setRole|revoke|remove)$/)
    })
  })
}

describe('AZ-08 outside the lock', () => {
  /** Rejects in place of one lookup, on every call; answers how often it was asked. */
  function breakLookup(store: 'members' | 'instances' | 'events' | 'hub', method: string, failure: () => Error): { readonly calls: number } {
    const target = server.app.ports[store] as unknown as Record<string, () => Promise<unknown>>
    const spy = vi.spyOn(target, method).mockImplementation(() => Promise.reject(failure()))
    return {
      get calls() {
        return spy.mock.calls.length
      },
    }
  }

  const queries: [lookup: string, store: 'members' | 'instances', query: string, data: object | null | undefined][] = [
    ['bySubject', 'members', '{ apps { id } }', undefined],
    ['ownsAny', 'instances', '{ members { totalCount } }', { members: null }],
    ['rolesOf', 'instances', 'query ($id: ID!) { instance(id: $id) { access { totalCount } } }', { instance: { access: null } }],
    ['among', 'instances', 'query ($id: ID!) { instance(id: $id) { id } }', { instance: null }],
    ['find', 'members', '{ viewer { member { id } } }', null],
  ]
  for (const [lookup, store, query, data] of queries) {
    for (const [code, failure] of Object.entries(failures)) {
      for (const [transport, send] of Object.entries(everyTransport)) {
        test(`a query over ${transport} is ${code} while ${store}.${lookup} fails so`, async () => {
          const sent = { query, variables: { id: company.I1 } }
          expect((await send(server, sent, as('devA'))).errors).toBeUndefined()
          const broken = breakLookup(store, lookup, failure)
          const answer = await send(server, sent, as('devA'))
          expect(broken.calls).toBeGreaterThan(0)
          expect([outcomeOf(answer), answer.data]).toEqual([code, data])
        })
      }
    }
  }

  let newcomers = 0
  // Over SSE the lookups that a socket makes when it opens are made by the subscription.
  const live: [lookup: string, store: 'members' | 'events' | 'hub'][] = [
    ['bySubjects', 'members'],
    ['scopesOf', 'members'],
    ['sees', 'members'],
    ['since', 'events'],
    ['scopeOf', 'hub'],
  ]
  for (const [lookup, store] of live) {
    for (const failure of Object.values(failures)) {
      for (const [transport, subscribe] of Object.entries(transports)) {
        test(`a subscription over ${transport} gets nothing while ${store}.${lookup} fails with ${failure().message}`, async () => {
          // A newcomer, of whom nothing is in memory yet.
          const subject = `watcher-${newcomers++}`
          const { memberId } = await addMember(server.app.ports, company.members.ownA, { subject, name: subject, role: 'MEMBER' })
          await setInstanceAccess(server.app.ports, company.members.ownA, { instanceId: company.I1, memberId, role: 'USER' })
          const query = 'subscription ($id: ID!) { keyCounts(instanceId: $id) { total } }'
          const follow = async () => subscribe(server, query, { id: company.I1 }, await authorizationOf(server, { subject, organization: 'a' }))
          const broken = breakLookup(store, lookup, failure)
          const stream = await follow()
          const answer = await stream.next()
          await stream.end()
          expect(broken.calls).toBeGreaterThan(0)
          expect(answer?.data ?? null).toBeNull()
          // 1013 tells a client of the socket to try again later.
          expect(['UNAVAILABLE', 'INTERNAL', 'CLOSED 1013']).toContain(outcomeOf(answer))
          vi.restoreAllMocks()
          const whole = await follow()
          expect(outcomeOf(await whole.next())).toBe('data')
          await whole.end()
        })
      }
    }
  }
})
