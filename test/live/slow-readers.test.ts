import { expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { ApiKeyChangedDocument, KeyCountsDocument, type KeyCountsSubscription } from '../generated/operations.ts'
import type { Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { overWebSocket } from '../support/subscribe.ts'

const { server, company } = await companyOfFile()

/** A socket with twenty subscriptions, half of them feeds, half counts. */
async function open(person: Person, organization: string, instanceId: string) {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'])
  const messages: { id?: string; type: string; payload: { data: KeyCountsSubscription & { apiKeyChanged?: { version: number } } } }[] = []
  socket.on('message', (data) => messages.push(JSON.parse(String(data))))
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  await new Promise((resolve) => socket.once('open', resolve))
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${await server.token(person, organization)}` } }))
  await vi.waitFor(() => expect(messages[0]?.type).toBe('connection_ack'), 20_000)
  const before = server.app.ports.hub.size
  for (let id = 0; id < 20; id++) {
    const query = (id % 2 === 0 ? ApiKeyChangedDocument : KeyCountsDocument).toString()
    socket.send(JSON.stringify({ id: String(id), type: 'subscribe', payload: { query, variables: { instanceId } } }))
  }
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(before + 20), 20_000)
  return { socket, messages, closed }
}

/** Five thousand events of one instance: keys are made by SQL, and each of ten changes revokes five hundred of them in parts of a hundred. */
async function change(person: Person, instanceId: string, rounds: number): Promise<number> {
  const actor = company.members[person]
  const keys = await server.sql<{ id: string }>(
    `INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at)
     SELECT 'key_' || substr(md5(random()::text || n), 1, 26), i.organization_id, i.app_id, i.id, $2, 'many', 'hint', now(), now() + interval '9 days'
     FROM app_instance i, generate_series(1, $3::int) n WHERE i.id = $1 RETURNING id`,
    instanceId,
    actor.memberId,
    rounds * 100,
  )
  for (let from = 0; from < keys.length; from += 100) {
    await revokeApiKeys(server.app.ports, actor, { ids: keys.slice(from, from + 100).map(({ id }) => id), acknowledged: true })
  }
  return keys.length
}

test('a socket that subscribes twenty times and reads nothing costs little, ends, and nobody else notices', async () => {
  const slow = await open('ownA', 'a', company.I1)
  slow.socket.pause()
  const quick = overWebSocket<KeyCountsSubscription>(
    server,
    KeyCountsDocument.toString(),
    { instanceId: company.I1 },
    `Bearer ${await server.token('auraA', 'a')}`,
  )
  const stranger = overWebSocket<KeyCountsSubscription>(
    server,
    KeyCountsDocument.toString(),
    { instanceId: company.J1 },
    `Bearer ${await server.token('devB', 'b')}`,
  )
  const numbers = async (stream: typeof quick) => (await stream.next())?.data?.keyCounts
  expect(await numbers(quick)).toMatchObject({ revoked: 0 })
  expect(await numbers(stranger)).toMatchObject({ active: 0 })
  global.gc?.()
  const before = process.memoryUsage().rss

  const changes = await change('ownA', company.I1, 50)
  expect(changes).toBe(5_000)
  // Another organization is told while the slow one is served.
  const began = performance.now()
  await company.createKey('devB', company.J1)
  expect(await numbers(stranger)).toMatchObject({ active: 1 })
  expect(performance.now() - began).toBeLessThan(20_000)
  let seen = await numbers(quick)
  while ((seen?.revoked ?? 0) < changes) seen = await numbers(quick)

  // What waits for it is bounded: 64 kB and what the system takes; ten feeds of five thousand events would be over ten megabytes.
  expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000)
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
  // It is told to come back and go on from its last version: as soon as it reads, it hears so.
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBeLessThan(22), { timeout: 20_000, interval: 200 })
  slow.socket.resume()
  expect(await slow.closed).toBe(1013)
  for (let id = 0; id < 20; id += 2) {
    const versions = slow.messages.flatMap((message) =>
      message.id === String(id) && message.type === 'next' ? (message.payload.data.apiKeyChanged?.version ?? []) : [],
    )
    expect(versions.length).toBeLessThan(changes)
    expect(versions).toEqual(Array.from(versions, (_, index) => (versions[0] ?? 0) + index))
  }
  await quick.end()
  await stranger.end()
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(0), 20_000)
}, 120_000)

test('who reads slowly but reads gets every event, and of counts the newest', async () => {
  const { instanceId } = await createAppInstance(server.app.ports, company.members.ownA, { appId: company.appId, name: 'slow' })
  const slow = await open('ownA', 'a', instanceId)
  const version = Number(await server.app.ports.organizations.version(company.members.ownA.organizationId))
  slow.socket.pause()
  const changing = change('ownA', instanceId, 20)
  // Never long enough to be sent away.
  const reading = setInterval(() => (slow.socket.isPaused ? slow.socket.resume() : slow.socket.pause()), 40)
  await changing
  clearInterval(reading)
  slow.socket.resume()
  const of = (id: number) => slow.messages.filter((message) => message.id === String(id) && message.type === 'next').map(({ payload }) => payload.data)
  await vi.waitFor(
    () => {
      for (let id = 0; id < 20; id += 2) expect(of(id)).toHaveLength(2_000)
    },
    { timeout: 30_000, interval: 200 },
  )
  const expected = Array.from({ length: 2_000 }, (_, index) => version + 1 + index)
  for (let id = 0; id < 20; id += 2) expect(of(id).map((data) => data.apiKeyChanged?.version)).toEqual(expected)
  for (let id = 1; id < 20; id += 2) expect(of(id).at(-1)?.keyCounts).toMatchObject({ active: 0, revoked: 2_000 })
  slow.socket.close()
}, 120_000)
