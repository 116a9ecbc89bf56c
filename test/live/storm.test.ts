import { expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { KeyCountsDocument } from '../generated/operations.ts'
import { companyOfFile } from '../support/file-server.ts'
import { requestStatements } from '../support/server.ts'

const sockets = 5_000
const people = ['ownA', 'auraA', 'devA', 'dev2A'] as const

const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: String(sockets), MAX_QUEUED_OPERATIONS_PER_MEMBER: String(sockets) })

/** Opens all sockets at once; answers when each has its counts. */
async function storm(tokens: readonly string[]): Promise<{ open: WebSocket[]; answers: Set<string> }> {
  const url = `${server.url.replace('http', 'ws')}/graphql`
  const payload = { query: KeyCountsDocument.toString(), variables: { instanceId: company.I1 } }
  const answers = new Set<string>()
  const open = await Promise.all(
    Array.from(
      { length: sockets },
      (_, index) =>
        new Promise<WebSocket>((resolve, reject) => {
          const socket = new WebSocket(url, ['graphql-transport-ws'], { perMessageDeflate: false })
          const say = (message: object): void => socket.send(JSON.stringify(message))
          socket.on('open', () => say({ type: 'connection_init', payload: { authorization: tokens[index % tokens.length] } }))
          socket.on('message', (data) => {
            const message = JSON.parse(String(data)) as { type: string; payload: object }
            if (message.type === 'connection_ack') say({ id: '1', type: 'subscribe', payload })
            else if (message.type === 'next') {
              answers.add(JSON.stringify(message.payload))
              resolve(socket)
            } else reject(new Error(JSON.stringify(message)))
          })
          socket.on('close', (code) => reject(new Error(`closed with ${code}`)))
          socket.on('error', reject)
        }),
    ),
  )
  return { open, answers }
}

test('five thousand sockets that come back all at once cost a handful of statements', async () => {
  await company.createKey('ownA', company.I1)
  const tokens = await Promise.all(people.map(async (person) => `Bearer ${await server.token(person, 'a')}`))
  server.statements.length = 0
  // The first time nothing is known of anybody, as after a restart.
  const first = await storm(tokens)
  expect(server.app.ports.hub.groups).toBe(1)
  const whenNew = requestStatements(server)
  for (const socket of first.open.slice(1)) socket.removeAllListeners('close').terminate()
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(1), { timeout: 20_000 })
  server.statements.length = 0
  const second = await storm(tokens)
  const whenKnown = requestStatements(server)
  expect([first.answers.size, second.answers.size]).toEqual([1, 1])
  // What comes within 50 ms goes together, so a slower machine needs some more: 20 to 50. One for each socket would be 5,000.
  expect(whenNew.length).toBeLessThanOrEqual(sockets / 25)
  expect(whenKnown.length).toBeLessThanOrEqual(sockets / 25)
  for (const socket of [...first.open, ...second.open]) socket.removeAllListeners('close').terminate()
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(0), { timeout: 20_000 })
}, 120_000)
