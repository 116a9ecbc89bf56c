import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { addMember } from '../../src/members/add-member.ts'
import { setMemberRole } from '../../src/members/set-member-role.ts'
import { type Company, createCompany } from '../support/company.ts'
import { type GraphQLAnswer, startServer, type TestServer } from '../support/server.ts'
import { overWebSocket } from '../support/subscribe.ts'
import { authorizationOf, everyTransport, type Sent } from '../support/transports.ts'
import { outcomeOf } from './cells.ts'

let server: TestServer
let other: TestServer
let company: Company

beforeAll(async () => {
  server = await startServer({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })
  company = await createCompany(server)
  other = await server.node()
})
afterAll(async () => {
  await other.close()
  await server.close()
})

let made = 0
const create = (): Sent => ({ query: `mutation { createApp(input: { slug: "demoted-${made++}", name: "x" }) { app { id } } }` })

interface OpenSocket {
  ask(sent: Sent): Promise<GraphQLAnswer<unknown>>
  end(): Promise<void>
}

/** One socket for several operations, which stays open between them. */
function openSocket(at: TestServer, authorization: string): OpenSocket {
  let sockets = 0
  const client = createClient({
    url: `${at.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
    lazy: false,
    retryAttempts: 0,
    on: { connected: () => void sockets++ },
  })
  return {
    ask: ({ query }) =>
      new Promise((resolve, reject) => {
        let answer: GraphQLAnswer<unknown> = {}
        client.subscribe(
          { query },
          {
            next: (value) => {
              answer = value as GraphQLAnswer<unknown>
            },
            error: (errors) => (Array.isArray(errors) ? resolve({ errors } as GraphQLAnswer<unknown>) : reject(errors)),
            complete: () => (sockets === 1 ? resolve(answer) : reject(new Error(`${sockets} sockets were opened`))),
          },
        )
      }),
    end: async () => client.dispose(),
  }
}

const left = [
  ['an Aura Owner who becomes a member', 'AURA_OWNER', create, 'FORBIDDEN'],
  // Reads have no second look under the lock: only what the request knows of the role.
  ['an Aura Owner who becomes a member and reads on', 'AURA_OWNER', () => ({ query: '{ auditLog { edges { node { id } } } }' }), 'FORBIDDEN'],
  ['an instance owner who loses the role', 'MEMBER', () => ({ query: `{ instance(id: "${company.I1}") { id } }` }), 'null'],
] as const

for (const [who, role, sent, outcome] of left) {
  test(`AZ-12 ${who} is refused at once on the same node, and within a second on another, also on sockets that are open`, async () => {
    const { ports } = server.app
    const { ownA } = company.members
    const subject = `demoted-${made++}`
    const { memberId } = await addMember(ports, ownA, { subject, name: subject, role })
    await setInstanceAccess(ports, ownA, { instanceId: company.I1, memberId, role: 'OWNER' })
    // One token for all of it: the session stays the same.
    const session = { authorization: (await authorizationOf(server, { subject, organization: 'a' })) ?? '' }
    const sockets = { same: openSocket(server, session.authorization), other: openSocket(other, session.authorization) }
    const query = role === 'AURA_OWNER' ? 'subscription { events { version } }' : `subscription { keyCounts(instanceId: "${company.I1}") { total } }`
    const streams = [server, other].map((node) => overWebSocket<unknown>(node, query, {}, session.authorization))
    for (const socket of Object.values(sockets)) expect(['data', 'rows']).toContain(outcomeOf(await socket.ask(sent())))
    if (role === 'MEMBER') for (const stream of streams) expect(outcomeOf(await stream.next())).toBe('data')
    else await vi.waitFor(() => expect(ports.hub.size + other.app.ports.hub.size).toBeGreaterThanOrEqual(2), 20_000)
    for (const send of Object.values(everyTransport)) expect(['data', 'rows']).toContain(outcomeOf(await send(server, sent(), session)))

    if (role === 'AURA_OWNER') await setMemberRole(ports, ownA, { id: memberId, role: 'MEMBER' })
    else await setInstanceAccess(ports, ownA, { instanceId: company.I1, memberId, role: null })
    const from = performance.now()
    expect(outcomeOf(await sockets.same.ask(sent()))).toBe(outcome)
    for (const send of Object.values(everyTransport)) expect(outcomeOf(await send(server, sent(), session))).toBe(outcome)
    // A second is the promise; on a busy machine what counts is that the other node hears of it at all.
    const soon = { timeout: 20_000, interval: 20 }
    await vi.waitFor(async () => expect(outcomeOf(await sockets.other.ask(sent()))).toBe(outcome), soon)
    for (const send of Object.values(everyTransport)) await vi.waitFor(async () => expect(outcomeOf(await send(other, sent(), session))).toBe(outcome), soon)
    for (const stream of streams) {
      const answers: string[] = []
      for (let answer = await stream.next(); answer; answer = await stream.next()) answers.push(outcomeOf(answer))
      // Events up to the demotion may be on their way; the refusal is the last.
      expect(answers.at(-1)).toBe(role === 'AURA_OWNER' ? 'FORBIDDEN' : 'NOT_FOUND')
    }
    expect(performance.now() - from).toBeLessThan(30_000)
    for (const socket of Object.values(sockets)) await socket.end()
  })
}
