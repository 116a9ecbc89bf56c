// Makes noise of one kind against a server until it is told to stop, in a process of its own.
import { randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { formatKey } from '../../../dist/crypto/key-format.js'

let running = true
let done = 0
const outcomes = {}
const count = (outcome) => {
  done++
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
}
const agent = new Agent({ keepAlive: true, maxSockets: 1_000 })

/** Sends a body and answers with the status and the text. */
const post = (url, body, headers = {}) =>
  new Promise((resolve) => {
    const sent = request(url, { method: 'POST', agent, headers: { 'content-type': 'application/json', ...headers } }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part) => {
        text += part
      })
      response.on('end', () => resolve({ status: response.statusCode, text }))
      response.on('error', () => resolve({ status: 0, text: '' }))
    })
    sent.on('error', () => resolve({ status: 0, text: '' }))
    sent.end(body)
  })

const loops = (clients, once) =>
  Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let call = 0; running; call++) await once(client, call)
    }),
  )

const graphql = async (url, authorization, body) => {
  const { status, text } = await post(`${url}/graphql`, JSON.stringify(body), authorization ? { authorization } : {})
  count(/"code":"([A-Z_]+)"/.exec(text)?.[1] ?? status)
}

const randomId = () => Array.from(randomBytes(25), (byte) => '0123456789abcdefghjkmnpqrstvwxyz'[byte % 32]).join('')
const ladder = (fragments) =>
  `mutation{...F1} ${Array.from({ length: fragments }, (_, n) => `fragment F${n + 1} on Mutation{...F${n + 2} ...F${n + 2}}`).join(' ')} fragment F${fragments + 1} on Mutation{__typename}`

/** Each is another one, so that nothing that was kept of one helps with the next. */
const costly = Array.from({ length: 60 }, (_, index) => {
  const wide = Array.from({ length: 480 }, (_, n) => `viewer { member { id name a${index}: id } } # ${n} ${randomId()}\n`)
  return [ladder(22), `{ ${wide.join(' ')} }`, ladder(400 + index)][index % 3]
})

const kinds = {
  /** Keys of the right form that nobody made, each once. */
  junkKeys: ({ url, instanceId }) =>
    loops(64, async () => {
      const key = formatKey(`key_0${randomId()}`, randomBytes(32)).expose()
      const { status, text } = await post(`${url}/v1/verify`, JSON.stringify({ key, instanceId }))
      count(/"code":"([A-Z_]+)"/.exec(text)?.[1] ?? status)
    }),
  /** Documents that cost much to look at, without a credential or with a wrong one. */
  documents: ({ url }) => loops(32, (client, call) => graphql(url, client % 2 ? 'Bearer junk.junk.junk' : null, { query: costly[call % costly.length] })),
  /** One operation, again and again. */
  operation: ({ url, authorizations, query, variables }) =>
    loops(8, (client) => graphql(url, authorizations[client % authorizations.length], { query, variables })),
  /** All sockets at once, cut when all are there, and again. */
  reconnects: async ({ url, authorizations, query, variables }) => {
    const open = (number) =>
      new Promise((resolve) => {
        const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'], { perMessageDeflate: false })
        const end = (outcome) => {
          count(outcome)
          resolve(socket)
        }
        socket.on('error', () => end('error'))
        socket.on('close', (code) => end(code))
        socket.on('open', () =>
          socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: authorizations[number % authorizations.length] } })),
        )
        socket.on('message', (data) => {
          const { type } = JSON.parse(String(data))
          if (type === 'connection_ack') socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query, variables } }))
          else if (type === 'next') end('first answer')
          else if (type === 'error') end('refused')
        })
      })
    while (running) {
      const sockets = await Promise.all(Array.from({ length: 1_000 }, (_, number) => open(number)))
      for (const socket of sockets) socket.removeAllListeners('close').terminate()
    }
  },
  /** Large answers that nobody reads but slowly. */
  slowReaders: ({ url, authorizations, query, variables }) =>
    loops(20, async (client) => {
      const body = JSON.stringify({ query, variables })
      const { hostname, port } = new URL(url)
      const socket = connect({ host: hostname, port: Number(port) })
      socket.on('error', () => undefined)
      socket.write(
        `POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: ${authorizations[client % authorizations.length]}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
      socket.pause()
      for (let read = 0; running && read < 40; read++) {
        await pause(100)
        socket.read(1_000)
      }
      count('given up')
      socket.destroy()
    }),
  /** A member who creates keys as fast as the server lets them. */
  creates: ({ url, authorizations, instanceId }) =>
    loops(8, (client, call) =>
      graphql(url, authorizations[0], {
        query: 'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { plaintext apiKey { id } } }',
        variables: { input: { instanceId, name: `noise ${client} ${call}`, expiresInDays: 1 } },
      }),
    ),
}

process.once('message', ({ kind, ...how }) => {
  const ended = kinds[kind](how)
  process.once('message', async () => {
    running = false
    await Promise.race([ended, pause(15_000)])
    process.send({ done, outcomes }, () => process.exit())
  })
})
process.on('disconnect', () => process.exit())
