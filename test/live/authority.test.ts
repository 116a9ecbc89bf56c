import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { setMemberRole } from '../../src/members/set-member-role.ts'
import { ApiKeyChangedDocument, EventsDocument, KeyCountsDocument } from '../generated/operations.ts'
import { type Company, createCompany } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { transports } from '../support/subscribe.ts'

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

let people = 0
const newcomer = async (role: 'MEMBER' | 'AURA_OWNER' | 'OWNER' = 'MEMBER'): Promise<{ subject: string; memberId: string }> => {
  const subject = `newcomer-${people++}`
  const { memberId } = await addMember(server.app.ports, company.members.ownA, { subject, name: subject, role })
  await setInstanceAccess(server.app.ports, company.members.ownA, { instanceId: company.I1, memberId, role: 'USER' })
  return { subject, memberId }
}

for (const [transport, subscribe] of Object.entries(transports)) {
  describe(`over ${transport}`, () => {
    const last = async (stream: { next(): Promise<{ errors?: { extensions: { code: string } }[] } | null> }): Promise<string | undefined> => {
      let code: string | undefined
      for (let answer = await stream.next(); answer; answer = await stream.next()) code = answer.errors?.[0]?.extensions.code ?? code
      return code
    }

    test('WS-08 EV-02 a removed member is cut off within a second on every node, with no event after it', async () => {
      const { subject, memberId } = await newcomer()
      const streams = []
      for (const node of [server, other]) {
        const bearer = `Bearer ${await node.token(subject, 'a')}`
        const counts = subscribe(node, KeyCountsDocument.toString(), { instanceId: company.I1 }, bearer)
        expect((await counts.next())?.errors).toBeUndefined()
        streams.push(counts, subscribe(node, ApiKeyChangedDocument.toString(), { instanceId: company.I1 }, bearer))
      }
      await removeMember(server.app.ports, company.members.ownA, { id: memberId, acknowledged: true })
      await company.createKey('ownA', company.I1)
      // A subscription that heard of it first says so; an idle one is closed with 4403, which the client reports the same way.
      for (const stream of streams) expect(['UNAUTHENTICATED', undefined]).toContain(await last(stream))
    })

    test('each event is read with the rights and the numbers of its moment, not of when the stream opened', async () => {
      const { subject, memberId } = await newcomer('OWNER')
      const query =
        'subscription ($id: ID, $after: Version) { apiKeyChanged(instanceId: $id, after: $after) { apiKey { createdBy { subject } instance { keyCounts { total } viewerCan { revokeOrphanedKeys } } } } }'
      const stream = subscribe<{ apiKeyChanged: { apiKey: { createdBy: { subject: string | null }; instance: object } } }>(
        other,
        query,
        { id: company.I1, after: Number(await server.app.ports.organizations.version(company.members.ownA.organizationId)) },
        `Bearer ${await other.token(subject, 'a')}`,
      )
      const next = async () => (await stream.next())?.data?.apiKeyChanged.apiKey
      const told: ReturnType<typeof next> extends Promise<infer Key> ? Key[] : never = []
      for (const change of [undefined, 'MEMBER'] as const) {
        if (change) await setMemberRole(server.app.ports, company.members.ownA, { id: memberId, role: change })
        await company.createKey('devA', company.I1)
        told.push(await next())
      }
      const [before, after] = told
      expect(before).toMatchObject({ createdBy: { subject: 'devA' }, instance: { viewerCan: { revokeOrphanedKeys: true } } })
      expect(after).toMatchObject({ createdBy: { subject: null }, instance: { viewerCan: { revokeOrphanedKeys: false } } })
      const total = (key: typeof before) => (key as unknown as { instance: { keyCounts: { total: number } } }).instance.keyCounts.total
      expect(total(after)).toBe(total(before) + 1)
      await stream.end()
    })

    test('WS-08 a stream ends when its credential does, although nothing happens', async () => {
      const { subject } = await newcomer()
      const soon = new Date(server.time.now.getTime() + 1_500)
      const stream = subscribe(server, KeyCountsDocument.toString(), { instanceId: company.I1 }, `Bearer ${await server.token(subject, 'a', soon)}`)
      expect((await stream.next())?.errors).toBeUndefined()
      expect(['UNAUTHENTICATED', undefined]).toContain(await last(stream))
    })

    test('EV-13 who is no longer Aura Owner hears no more of the audit log', async () => {
      const { subject, memberId } = await newcomer('AURA_OWNER')
      const after = Number(await server.app.ports.organizations.version(company.members.ownA.organizationId))
      const stream = subscribe(other, EventsDocument.toString(), { after }, `Bearer ${await other.token(subject, 'a')}`)
      await company.createKey('ownA', company.I1)
      expect((await stream.next())?.errors).toBeUndefined()
      await setMemberRole(server.app.ports, company.members.ownA, { id: memberId, role: 'MEMBER' })
      await company.createKey('ownA', company.I2)
      expect((await stream.next())?.errors?.[0]?.extensions.code).toBe('FORBIDDEN')
      expect(await stream.next()).toBeNull()
    })
  })
}

test('an idle socket of a removed member is closed with 4403', async () => {
  const { subject, memberId } = await newcomer()
  const socket = new WebSocket(`${other.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'])
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  const authorization = `Bearer ${await other.token(subject, 'a')}`
  await vi.waitFor(() => expect(socket.readyState).toBe(socket.OPEN))
  const acknowledged = new Promise((resolve) => socket.once('message', resolve))
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }))
  await acknowledged
  await removeMember(server.app.ports, company.members.ownA, { id: memberId, acknowledged: true })
  expect(await closed).toBe(4403)
})
