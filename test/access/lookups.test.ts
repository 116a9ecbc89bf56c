import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createChangeBy } from '../../src/change/change-by.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { addMember } from '../../src/members/add-member.ts'
import type { Ports, Stores } from '../../src/ports.ts'
import { as, type Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { transports } from '../support/subscribe.ts'
import { authorizationOf, everyTransport } from '../support/transports.ts'
import { operations, outcomeOf } from './cells.ts'
import { everyRow } from './rows.ts'
import { createSubjects, type Subject, type Subjects } from './subjects.ts'

// A kept answer needs no lookup that could fail.
const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: '1000', KEPT_ANSWERS_BYTES: '0' })
let subjects: Subjects

beforeAll(async () => {
  subjects = await createSubjects(server, company)
})
afterEach(() => vi.restoreAllMocks())

/** What the driver throws when its connection breaks, and what no one expects. */
const failures = {
  UNAVAILABLE: () => new Error('Connection terminated unexpectedly'),
  INTERNAL: () => Object.assign(new Error('a text that may hold values'), { code: 'P2010' }),
}
const stores = ['organizations', 'members', 'apps', 'instances', 'keys', 'secrets', 'events'] as const
type Call = `${(typeof stores)[number]}.${string}`

type Place = 'before' | 'under'

/** Replaces what every change reads and writes through: `meet` is told each call, before or under the lock, and may throw in its place. */
function intercept(ports: Ports, meet: (place: Place, call: Call) => void): void {
  const watched = <Of extends Stores>(place: Place, of: Of): Of => {
    const replaced = stores.map((store) => [
      store,
      new Proxy(of[store], {
        get: (target, name) => {
          const method: unknown = Reflect.get(target, name)
          if (typeof method !== 'function') return method
          return (...parameters: unknown[]): unknown => {
            meet(place, `${store}.${String(name)}`)
            return method.apply(target, parameters)
          }
        },
      }),
    ])
    return { ...of, ...Object.fromEntries(replaced) }
  }
  const { change } = ports
  const changeBy = createChangeBy(watched('before', ports), (organization, body) => change(organization, (locked) => body(watched('under', locked))))
  vi.spyOn(ports, 'changeBy').mockImplementation(changeBy as never)
}

/**
 * The lookups that a permission hangs on, and what it is about; typed by hand. What is looked at before the lock is looked at again under it,
 * after the member's scope; the rest is looked at under it alone.
 */
const lookups: [field: string, name: string, by: Person, twice: Call[], once: Call[]][] = [
  ['createApp', 'own organization', 'auraA', [], ['apps.find', 'apps.count']],
  ['createAppInstance', 'app', 'auraA', ['apps.find'], []],
  ['deleteAppInstance', 'live instance', 'devA', ['instances.facts'], []],
  ['setInstanceAccess', 'live instance', 'devA', ['instances.facts', 'members.isPresent'], ['instances.roleOf']],
  ['createApiKey', 'live instance', 'dev2A', ['instances.facts'], []],
  ['revokeApiKey', "another's key", 'devA', ['keys.facts'], []],
  ['revokeApiKeys', "another's key", 'devA', ['keys.facts'], []],
  ['addMember', 'own organization', 'ownA', [], ['members.bySubject']],
  ['removeMember', 'somebody', 'ownA', ['members.facts'], []],
  ['removeMember', 'last owner', 'ownA', ['members.facts'], ['members.owners']],
  ['setMemberRole', 'somebody', 'ownA', ['members.facts'], []],
  ['setMemberRole', 'last owner', 'ownA', ['members.facts'], ['members.owners']],
  ['saveApiKeyAsSecret', 'own new key', 'dev2A', ['keys.facts'], ['secrets.ofKey', 'keys.digestOf', 'secrets.isTaken']],
  ['revealSecret', 'own secret', 'dev2A', ['secrets.sealed'], []],
  ['deleteSecret', 'own secret', 'dev2A', ['secrets.find'], []],
]

test('AZ-08 every mutation has its lookups below', () => {
  const listed = new Set(lookups.map(([field]) => `Mutation.${field}`))
  expect([...listed].sort()).toEqual(
    Object.keys(operations)
      .filter((field) => field.startsWith('Mutation.'))
      .sort(),
  )
})

for (const [field, name, by, twice, once] of lookups) {
  const expected: [Place, Call][] = [
    ...twice.map((call): [Place, Call] => ['before', call]),
    ...(['members.scopeNow', ...twice, ...once] as const).map((call): [Place, Call] => ['under', call]),
  ]
  describe(`AZ-08 ${field} of ${name}`, () => {
    const sent = (subject: Subject) => {
      const operation = operations[`Mutation.${field}`]?.(subject, company)
      if (!operation) throw new Error(`nobody says how ${field} is sent`)
      return operation
    }

    test(`each lookup that fails denies, and changes no row: ${expected.map(([place, call]) => `${call} ${place} the lock`).join(', ')}`, async () => {
      const subject = await subjects(name, by)
      const before = await everyRow(server)
      for (const [where, broken] of expected) {
        for (const [code, failure] of Object.entries(failures)) {
          for (const [transport, send] of Object.entries(everyTransport)) {
            let met = 0
            intercept(server.app.ports, (place, call) => {
              if (place !== where || call !== broken) return
              met++
              throw failure()
            })
            const answer = await send(server, sent(subject), as(by))
            vi.restoreAllMocks()
            expect([where, broken, transport, met, outcomeOf(answer), answer.data]).toEqual([where, broken, transport, 1, code, { [field]: null }])
            if (code === 'UNAVAILABLE') expect(answer.errors?.[0]?.message).toContain('Nothing was changed')
            expect(JSON.stringify(answer)).not.toContain('may hold values')
          }
        }
      }
      expect(await everyRow(server)).toEqual(before)
      // Nothing but these was met before the first write: no lookup is missing from the list.
      const calls: [Place, Call][] = []
      intercept(server.app.ports, (place, call) => void calls.push([place, call]))
      const answer = outcomeOf(await everyTransport.HTTP(server, sent(subject), as(by)))
      expect(answer).toBe(name === 'last owner' ? 'CONFLICT' : 'data')
      expect(calls.slice(0, expected.length)).toEqual(expected)
      expect(calls[expected.length]?.[1] ?? 'secrets.insert').toMatch(/\.(insert|mark\w+|setRole|revoke|remove)$/)
    })
  })
}

describe('AZ-08 outside the lock', () => {
  /** Rejects in place of one lookup, on every call; answers how often it was asked. */
  function breakLookup(store: 'callers' | 'members' | 'instances' | 'events' | 'hub', method: string, failure: () => Error): { readonly calls: number } {
    const target = (store === 'callers' ? server.app.callers : server.app.ports[store]) as unknown as Record<string, () => Promise<unknown>>
    const spy = vi.spyOn(target, method).mockImplementation(() => Promise.reject(failure()))
    return {
      get calls() {
        return spy.mock.calls.length
      },
    }
  }

  const queries: [lookup: string, store: 'callers' | 'members' | 'instances', query: string, data: object | null | undefined][] = [
    ['inNamed', 'callers', '{ apps { id } }', undefined],
    ['ownsAny', 'instances', '{ members { totalCount } }', { members: null }],
    ['rolesOf', 'instances', 'query ($id: ID!) { instance(id: $id) { access { totalCount } } }', { instance: { access: null } }],
    ['among', 'instances', 'query ($id: ID!) { instance(id: $id) { id } }', { instance: null }],
    ['among', 'members', '{ viewer { member { id } } }', null],
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
