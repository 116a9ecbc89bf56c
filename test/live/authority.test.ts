import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { setMemberRole } from '../../src/members/set-member-role.ts'
import { ApiKeyChangedDocument, EventsDocument, KeyCountsDocument } from '../generated/operations.ts'
import { type Company, createCompany } from '../support/company.ts'
import { type Line, lines } from '../support/line.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { transports } from '../support/subscribe.ts'

const onPostgres = process.env['TEST_STORE'] === 'postgresql'

let server: TestServer
/** Another node that listens, and one that only polls. */
let others: TestServer[]
let other: TestServer
let company: Company

beforeAll(async () => {
  server = await startServer({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })
  company = await createCompany(server)
  others = [await server.node(), await server.node(onPostgres ? { DATABASE_LISTEN_URL: 'off' } : {})]
  other = others[0] as TestServer
})
afterAll(async () => {
  for (const node of others) await node.close()
  await server.close()
})

let people = 0
const newcomer = async (role: 'MEMBER' | 'AURA_OWNER' | 'OWNER' = 'MEMBER'): Promise<{ subject: string; memberId: string }> => {
  const subject = `newcomer-${people++}`
  const { memberId } = await addMember(server.app.ports, company.members.ownA, { subject, name: subject, role })
  await setInstanceAccess(server.app.ports, company.members.ownA, { instanceId: company.I1, memberId, role: 'USER' })
  return { subject, memberId }
}
const version = async (): Promise<number> => Number(await server.app.ports.organizations.version(company.members.ownA.organizationId))

/** The versions of everything that an answer told. */
const toldBy = ({ answers }: Line): number[] =>
  answers.flatMap(({ data }) => Object.values((data ?? {}) as Record<string, { version: number }>).map((value) => value.version))
const codesOf = ({ answers }: Line): string[] => answers.flatMap(({ errors }) => (errors ?? []).map(({ extensions }) => extensions.code))

for (const [transport, subscribe] of Object.entries(transports)) {
  describe(`over ${transport}`, () => {
    const open = lines[transport as keyof typeof lines]
    /** How a line ends whose member or credential is none any more. */
    const cutOff = transport === 'SSE' ? 'complete' : 4403
    const following = (documents: { toString(): string }[], variables: object, bearers: (node: TestServer) => Promise<string>): Promise<Line[]> =>
      Promise.all(
        [server, ...others].flatMap((node) => documents.map(async (document) => open(node, document.toString(), variables, `Bearer ${await bearers(node)}`))),
      )
    /** Waits until each line has told of this version or a newer one. */
    const reached = (all: readonly Line[], at: number) =>
      vi.waitFor(() => expect(all.map((line) => (toldBy(line).at(-1) ?? 0) >= at)).toEqual(all.map(() => true)), { timeout: 10_000 })

    test('WS-08 EV-02 a removed member is cut off within a second on every node, and is told nothing of what comes after', async () => {
      const { subject, memberId } = await newcomer()
      const variables = { instanceId: company.I1, after: await version() }
      const feeds = await following([ApiKeyChangedDocument], variables, (node) => node.token(subject, 'a'))
      const counts = await following([KeyCountsDocument], { instanceId: company.I1 }, (node) => node.token(subject, 'a'))
      const all = [...feeds, ...counts]
      const before = await company.createKey('ownA', company.I1)
      await reached(all, await version())
      await removeMember(server.app.ports, company.members.ownA, { id: memberId, acknowledged: true })
      const removedAt = await version()
      const began = performance.now()
      const after = await company.createKey('ownA', company.I1)
      expect(await Promise.all(all.map((line) => line.ended))).toEqual(all.map(() => cutOff))
      // A second is the promise; on a busy machine what counts is that nobody hangs on.
      expect(performance.now() - began).toBeLessThan(20_000)
      for (const line of all) {
        expect(codesOf(line)).toEqual(['UNAUTHENTICATED'])
        expect(line.isComplete).toBe(true)
        expect(line.answers.at(-1)?.data).toBeNull()
        expect(toldBy(line).filter((told) => told > removedAt)).toEqual([])
        expect(line.texts.join()).not.toContain(after.id)
      }
      for (const line of feeds) expect(line.texts.join()).toContain(before.id)
    })

    test('WS-08 EV-02 whoever loses an instance hears no more of it on any node, and of the others everything', async () => {
      const { subject, memberId } = await newcomer()
      const { ports } = server.app
      await setInstanceAccess(ports, company.members.ownA, { instanceId: company.I2, memberId, role: 'USER' })
      const after = await version()
      const bearer = (node: TestServer) => node.token(subject, 'a')
      const ofI1 = await following([ApiKeyChangedDocument], { instanceId: company.I1, after }, bearer)
      const countsOfI1 = await following([KeyCountsDocument], { instanceId: company.I1 }, bearer)
      const ofAll = await following([ApiKeyChangedDocument], { after }, bearer)
      const seen = await company.createKey('ownA', company.I1)
      await reached([...ofI1, ...countsOfI1, ...ofAll], await version())
      await setInstanceAccess(ports, company.members.ownA, { instanceId: company.I1, memberId, role: null })
      const takenAt = await version()
      const unseen = await company.createKey('ownA', company.I1)
      const other = await company.createKey('ownA', company.I2)
      await reached(ofAll, await version())
      await vi.waitFor(() => expect([...ofI1, ...countsOfI1].every((line) => line.isComplete)).toBe(true), { timeout: 10_000 })
      for (const line of [...ofI1, ...countsOfI1]) {
        expect(codesOf(line)).toEqual(['NOT_FOUND'])
        expect(toldBy(line).filter((told) => told > takenAt)).toEqual([])
      }
      for (const line of [...ofI1, ...ofAll]) {
        expect(line.texts.join()).toContain(seen.id)
        expect(line.texts.join()).not.toContain(unseen.id)
      }
      for (const line of ofAll) {
        expect(codesOf(line)).toEqual([])
        expect(line.texts.join()).toContain(other.id)
      }
      for (const line of [...ofI1, ...countsOfI1, ...ofAll]) line.leave()
    })

    test('EV-02 EV-13 who is no longer Aura Owner is told nothing more of the audit log on any node, nor of other instances', async () => {
      const { subject, memberId } = await newcomer('AURA_OWNER')
      const after = await version()
      const bearer = (node: TestServer) => node.token(subject, 'a')
      const logs = await following([EventsDocument], { after }, bearer)
      const changes = await following([ApiKeyChangedDocument], { after }, bearer)
      const seen = await company.createKey('ownA', company.I2)
      await reached([...logs, ...changes], await version())
      await setMemberRole(server.app.ports, company.members.ownA, { id: memberId, role: 'MEMBER' })
      const demotedAt = await version()
      const unseen = await company.createKey('ownA', company.I2)
      const granted = await company.createKey('ownA', company.I1)
      await reached(changes, await version())
      await vi.waitFor(() => expect(logs.every((line) => line.isComplete)).toBe(true), { timeout: 10_000 })
      for (const line of logs) {
        expect(codesOf(line)).toEqual(['FORBIDDEN'])
        expect(toldBy(line).filter((told) => told > demotedAt)).toEqual([])
      }
      for (const line of [...logs, ...changes]) {
        expect(line.texts.join()).toContain(seen.id)
        expect(line.texts.join()).not.toContain(unseen.id)
      }
      for (const line of changes) expect(line.texts.join()).toContain(granted.id)
      for (const line of [...logs, ...changes]) line.leave()
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

    test('WS-08 a line ends when its credential does, although nothing happens', async () => {
      const { subject } = await newcomer()
      const soon = new Date(server.time.now.getTime() + 2_000)
      const documents = [KeyCountsDocument, ApiKeyChangedDocument]
      const all = await following(documents, { instanceId: company.I1 }, (node) => node.token(subject, 'a', soon))
      await vi.waitFor(() => expect(all.filter(({ answers }) => answers.length > 0)).toHaveLength(3), { timeout: 20_000 })
      expect(await Promise.all(all.map((line) => line.ended))).toEqual(all.map(() => cutOff))
      for (const line of all) expect(codesOf(line)).toEqual([])
      const after = await company.createKey('ownA', company.I1)
      for (const line of all) expect(line.texts.join()).not.toContain(after.id)
    })

    test('WS-08 nothing is told after the end of a credential, even before its timer rings', async () => {
      const { subject } = await newcomer()
      const end = new Date(server.time.now.getTime() + 60_000)
      const bearer = (node: TestServer) => node.token(subject, 'a', end)
      const after = await version()
      const all = await following([ApiKeyChangedDocument], { instanceId: company.I1, after }, bearer)
      const seen = await company.createKey('ownA', company.I1)
      await reached(all, await version())
      server.time.now = end
      const unseen = await company.createKey('ownA', company.I1)
      await vi.waitFor(() => expect(all.every((line) => line.isComplete)).toBe(true), { timeout: 10_000 })
      for (const line of all) {
        expect(line.texts.join()).toContain(seen.id)
        expect(line.texts.join()).not.toContain(unseen.id)
        line.leave()
      }
    })
  })
}

test('an idle socket of a removed member is closed with 4403', async () => {
  const { subject, memberId } = await newcomer()
  const socket = new WebSocket(`${other.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'])
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  const authorization = `Bearer ${await other.token(subject, 'a')}`
  await vi.waitFor(() => expect(socket.readyState).toBe(socket.OPEN), { timeout: 20_000 })
  const acknowledged = new Promise((resolve) => socket.once('message', resolve))
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }))
  await acknowledged
  await removeMember(server.app.ports, company.members.ownA, { id: memberId, acknowledged: true })
  expect(await closed).toBe(4403)
})
