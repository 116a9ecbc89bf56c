import { describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { KeyCountsDocument, type KeyCountsSubscription } from '../generated/operations.ts'
import { as, type Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { type Stream, transports } from '../support/subscribe.ts'

const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })

const counted = (answer: { data?: KeyCountsSubscription | null } | null) => answer?.data?.keyCounts

for (const [transport, subscribe] of Object.entries(transports)) {
  describe(`over ${transport}`, () => {
    const watch = async (person: Person, variables: { instanceId?: string; appId?: string }): Promise<Stream<KeyCountsSubscription>> => {
      const { subject, organization } = as(person)
      return subscribe<KeyCountsSubscription>(server, KeyCountsDocument.toString(), variables, `Bearer ${await server.token(subject, organization)}`)
    }
    const newInstance = async (): Promise<string> => {
      const { instanceId } = await createAppInstance(server.app.ports, company.members.ownA, { appId: company.appId, name: 'watched' })
      await setInstanceAccess(server.app.ports, company.members.ownA, { instanceId, memberId: company.members.devA.memberId, role: 'OWNER' })
      return instanceId
    }

    test('counts come at once, then with every change of a number, with growing versions', async () => {
      const instanceId = await newInstance()
      const stream = await watch('devA', { instanceId })
      const first = counted(await stream.next())
      expect(first).toMatchObject({ active: 0, total: 0 })
      const key = await company.createKey('devA', instanceId)
      const second = counted(await stream.next())
      expect(second).toMatchObject({ active: 1, total: 1 })
      await revokeApiKeys(server.app.ports, company.members.devA, { ids: [key.id], acknowledged: true })
      const third = counted(await stream.next())
      expect(third).toMatchObject({ active: 0, revoked: 1, total: 0 })
      expect([first, second, third].map((counts) => counts?.version)).toEqual(
        [first, second, third].map((counts) => counts?.version).sort((a, b) => (a ?? 0) - (b ?? 0)),
      )
      await stream.end()
    })

    test('a change elsewhere sends nothing', async () => {
      const instanceId = await newInstance()
      const stream = await watch('devA', { instanceId })
      await stream.next()
      await company.createKey('ownA', company.I2)
      await company.createKey('devA', instanceId)
      // The very next answer is the one of this instance.
      expect(counted(await stream.next())).toMatchObject({ active: 1 })
      await stream.end()
    })

    test('it ends with NOT_FOUND when the access is taken away, and when the instance is deleted', async () => {
      const { ports } = server.app
      for (const leave of [
        (instanceId: string) => setInstanceAccess(ports, company.members.ownA, { instanceId, memberId: company.members.devA.memberId, role: null }),
        (id: string) => deleteAppInstance(ports, company.members.ownA, { id, acknowledged: true }),
      ]) {
        const instanceId = await newInstance()
        const stream = await watch('devA', { instanceId })
        await stream.next()
        await leave(instanceId)
        expect((await stream.next())?.errors?.[0]?.extensions.code).toBe('NOT_FOUND')
        expect(await stream.next()).toBeNull()
      }
    })

    test('EV-01 whoever may not see the instance opens no source', async () => {
      const before = server.app.ports.hub.size
      for (const person of ['ownB', 'viewA'] as const) {
        const stream = await watch(person, { instanceId: company.I1 })
        expect((await stream.next())?.errors?.[0]?.extensions.code).toBe('NOT_FOUND')
        await stream.end()
      }
      await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(before), 20_000)
    })

    test('WS-15 two hundred watchers that leave leave nothing behind', async () => {
      await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(0), 20_000)
      for (let round = 0; round < 10; round++) {
        const streams = await Promise.all(Array.from({ length: 20 }, () => watch('ownA', { instanceId: company.I1 })))
        await Promise.all(streams.map((stream) => stream.next()))
        expect(server.app.ports.hub.size).toBe(20)
        expect(server.app.ports.hub.groups).toBe(1)
        await Promise.all(streams.map((stream) => stream.end()))
        await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(0), 20_000)
      }
    })
  })
}

/** How the server closes a socket that begins with these messages. */
const closing = (protocol: string | undefined, ...messages: string[]): Promise<number> =>
  new Promise((resolve) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, protocol === undefined ? [] : [protocol])
    socket.on('open', () => {
      for (const message of messages) socket.send(message)
    })
    socket.on('close', (code) => resolve(code))
    socket.on('error', () => undefined)
  })
const init = async (): Promise<string> => JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${await server.token('ownA', 'a')}` } })

test('WS-01 a socket that says nothing is closed with 4408', async () => {
  expect(await closing('graphql-transport-ws')).toBe(4408)
})
test('WS-02 a second connection_init closes with 4429', async () => {
  expect(await closing('graphql-transport-ws', await init(), await init())).toBe(4429)
})
test('WS-03 subscribing before the acknowledgement closes with 4401', async () => {
  expect(await closing('graphql-transport-ws', JSON.stringify({ id: '1', type: 'subscribe', payload: { query: '{ __typename }' } }))).toBe(4401)
})
test('WS-04 another subprotocol, or none, closes with 4406', async () => {
  expect(await closing(undefined)).toBe(4406)
})
test('WS-05 what is no message closes with 4400', async () => {
  expect(await closing('graphql-transport-ws', await init(), 'not JSON')).toBe(4400)
  expect(await closing('graphql-transport-ws', await init(), JSON.stringify({ type: 'unheard-of' }))).toBe(4400)
})
test('WS-07 a foreign origin is refused at the upgrade', async () => {
  const status = await new Promise<number | undefined>((resolve) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'], { headers: { origin: 'https://evil.example' } })
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode))
    socket.on('error', () => undefined)
    socket.on('open', () => resolve(101))
  })
  expect(status).toBe(403)
})
