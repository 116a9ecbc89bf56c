import { type Client, createClient } from 'graphql-ws'
import pLimit from 'p-limit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { type Company, createCompany } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { overEvents } from '../support/subscribe.ts'

let server: TestServer
let company: Company

beforeAll(async () => {
  server = await startServer({
    WS_MAX_SOCKETS_PER_MEMBER: '1000',
    WS_MAX_SUBSCRIPTIONS_PER_SOCKET: '1000',
    WS_MAX_MESSAGES_PER_MINUTE: '100000',
    MAX_QUEUED_OPERATIONS_PER_MEMBER: '2000',
    OPERATION_TIMEOUT_MS: '600000',
    KEY_CREATIONS_PER_MINUTE: '100000',
  })
  company = await createCompany(server)
})
afterAll(() => server.close())

const query = 'subscription ($after: Version) { apiKeyChanged(after: $after) { version } }'
const history = 1_000
const writers = 4
const meanwhile = 60

const openClient = (url: string, authorization: string): Promise<Client> =>
  new Promise((resolve, reject) => {
    const on = { connected: () => resolve(client), closed: reject }
    const client = createClient({
      url,
      webSocketImpl: WebSocket,
      connectionParams: { authorization },
      retryAttempts: 0,
      lazy: false,
      onNonLazyError: reject,
      on,
    })
  })

test('from every version of a thousand, during writes, a feed goes on exactly', async () => {
  const { ownA } = company.members
  const { ports } = server.app
  const begin = Number(await ports.organizations.version(ownA.organizationId))
  // A thousand events: half of them creates, half revocations, in changes of fifty. Fifty at once would wait for the lock longer than they may.
  const turn = pLimit(writers)
  for (let round = 0; round < history / 100; round++) {
    const ids = await Promise.all(Array.from({ length: 50 }, () => turn(async () => (await company.createKey('ownA', company.I1)).id)))
    await revokeApiKeys(ports, ownA, { ids, acknowledged: true })
  }
  expect(Number(await ports.organizations.version(ownA.organizationId))).toBe(begin + history)

  const authorization = `Bearer ${await server.token('ownA', 'a')}`
  const last = begin + history + meanwhile
  const url = `${server.url.replace('http', 'ws')}/graphql`
  const wrong: string[] = []
  /** Takes versions one by one, and says once the last one was there, or what came instead. */
  const reader = (after: number, done: () => void) => {
    let position = after
    return (version: number | undefined) => {
      if (version !== position + 1) wrong.push(`from ${after}: ${version} after ${position}`)
      position = version ?? position
      if (position === last || wrong.length > 0) done()
    }
  }
  // Open before anything is asked: to open a socket may take five seconds, and a thousand readers come.
  const overSockets = await Promise.all(Array.from({ length: 10 }, () => openClient(url, authorization)))
  const follow = (after: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const next = reader(after, resolve)
      if (after % 20 === 0) {
        const stream = overEvents<{ apiKeyChanged: { version: number } }>(server, query, { after }, authorization)
        const read = async (): Promise<void> => {
          for (let answer = await stream.next(); answer; answer = await stream.next()) {
            next(answer.data?.apiKeyChanged.version)
            if (answer.data?.apiKeyChanged.version === last) break
          }
          await stream.end()
        }
        read().catch(reject)
      } else {
        overSockets[after % overSockets.length]?.subscribe<{ apiKeyChanged: { version: number } }>(
          { query, variables: { after } },
          { next: ({ data }) => next(data?.apiKeyChanged.version), error: reject, complete: () => reject(new Error('complete')) },
        )
      }
    })

  const following = Promise.all(Array.from({ length: history }, (_, index) => follow(begin + index)))
  const writing = Promise.all(
    Array.from({ length: writers }, async () => {
      for (let made = 0; made < meanwhile / writers; made++) await company.createKey('ownA', company.I1)
    }),
  )
  await Promise.all([following, writing])
  expect(wrong).toEqual([])
  // Those who follow the same caught up with each other.
  expect(server.app.ports.hub.groups).toBeLessThanOrEqual(2)
  for (const client of overSockets) await client.dispose()
}, 600_000)
