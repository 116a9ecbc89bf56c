import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { as, createCompany } from '../support/company.ts'
import { settledHeap } from '../support/heap.ts'
import { type As, startServer, type TestServer } from '../support/server.ts'
import { authorizationOf, everyTransport, type Sent } from '../support/transports.ts'

let server: TestServer

/** Each document is another than all that were sent before, by whomever. */
let sent = 0

/** How many documents each sender sends on each transport. */
const large = 100
const small = 250
const maxGrowth = 50_000_000

const aliased = (count: number, field: string): string => Array.from({ length: count }, (_, index) => `a${index}: ${field}`).join(' ')
const row =
  'viewer { member { id name role joinedAt removedAt subject email } organization { id name slug version keyCounts { active expired orphaned total } } }'

/** Nearly as many tokens as are allowed, and the rest of the bytes in strings and comments. What is executed of it is next to nothing. */
function largest(bytes: number, field: string): Sent {
  const tree = `query A { __typename } query B { ${aliased(49, row)} last: app(slug: "${sent++} STRING") { ${field} } } # COMMENT`
  const rest = bytes - tree.length - 200
  const query = tree.replace('STRING', 'x'.repeat(rest / 2)).replace('COMMENT', 'y'.repeat(rest / 2))
  return { query, operationName: 'A' }
}

type SendAll = (all: Iterable<Sent>, who: As) => Promise<void>

/** All over one socket; who has no credential begins without one, on a socket for each, since the server leaves at once. */
const overSockets: SendAll = async (all, who) => {
  const authorization = await authorizationOf(server, who)
  const open = () => new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'])
  const subscribe = (id: string, payload: Sent): string => JSON.stringify({ id, type: 'subscribe', payload })
  if (authorization === null) {
    for (const payload of all) {
      const socket = open()
      const code = await new Promise((resolve) => {
        socket.on('open', () => socket.send(subscribe('1', payload)))
        socket.on('close', resolve)
      })
      expect(code).toBe(4401)
    }
    return
  }
  const socket = open()
  let answered: (type: string) => void = () => undefined
  socket.on('message', (message) => answered((JSON.parse(String(message)) as { type: string }).type))
  socket.on('close', () => answered('close'))
  const say = (message: string, ...until: string[]): Promise<void> =>
    new Promise((resolve, reject) => {
      answered = (type) => {
        if (until.includes(type)) resolve()
        else if (type === 'close') reject(new Error('the socket closed'))
      }
      socket.send(message)
    })
  await new Promise((resolve) => socket.on('open', resolve))
  await say(JSON.stringify({ type: 'connection_init', payload: { authorization } }), 'connection_ack')
  let id = 0
  for (const payload of all) await say(subscribe(String(id++), payload), 'complete', 'error')
  socket.close()
}

const oneByOne =
  (send: (one: Sent, who: As) => Promise<unknown>): SendAll =>
  async (all, who) => {
    for (const each of all) await send(each, who)
  }

const ways: Record<string, { bytes: number; sendAll: SendAll }> = {
  HTTP: { bytes: 99_000, sendAll: oneByOne((one, who) => everyTransport.HTTP(server, one, who)) },
  SSE: { bytes: 99_000, sendAll: oneByOne((one, who) => everyTransport.SSE(server, one, who)) },
  WebSocket: { bytes: 64_000, sendAll: overSockets },
}

const senders: Record<string, { who: As; field: string }> = {
  nobody: { who: null, field: 'id' },
  'a member whose documents are refused': { who: as('ownA'), field: 'nothing' },
  'a member': { who: as('ownA'), field: 'id' },
}

for (const [way, { bytes, sendAll }] of Object.entries(ways)) {
  describe(`DS-14 over ${way}`, () => {
    // From the start: a cache that is full already grows no more.
    let before = 0
    beforeAll(async () => {
      server = await startServer({ WS_MAX_MESSAGES_PER_MINUTE: '1000000', WS_MAX_SOCKETS_PER_MEMBER: '10000' })
      await createCompany(server)
      before = await settledHeap()
    })
    afterAll(() => server.close())

    test('a document may be as large as is sent here', async () => {
      const one = largest(bytes, 'id')
      expect(one.query.length).toBeGreaterThan(bytes * 0.95)
      expect((await everyTransport[way as keyof typeof everyTransport](server, one, as('ownA'))).data).toEqual({ __typename: 'Query' })
    })

    for (const [sender, { who, field }] of Object.entries(senders)) {
      test(`different documents leave the memory as it was, however many and large: ${sender}`, async () => {
        function* documents(): Generator<Sent> {
          for (let number = 0; number < large; number++) yield largest(bytes, field)
          for (let number = 0; number < small; number++) yield { query: `{ __typename ${field === 'id' ? '' : field} } # ${sent++}` }
        }
        await sendAll(documents(), who)
        // What the test itself notes down.
        server.log.length = 0
        server.statements.length = 0
        expect((await settledHeap()) - before).toBeLessThan(maxGrowth)
      }, 180_000)
    }
  })
}
