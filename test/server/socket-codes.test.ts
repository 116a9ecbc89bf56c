import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { removeMember } from '../../src/members/remove-member.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()

/** What the server says and how it closes, when these messages come in. `answer` writes what follows a message of the server. */
const talk = (messages: object[], answer: (type: string) => object[] = () => []): Promise<{ said: string[]; code: number }> =>
  new Promise((resolve) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'])
    const said: string[] = []
    const send = (more: object[]): void => {
      for (const message of more) socket.send(JSON.stringify(message))
    }
    socket.on('open', () => send(messages))
    socket.on('message', (text) => {
      const { type } = JSON.parse(String(text)) as { type: string }
      said.push(type)
      send(answer(type))
    })
    socket.on('error', () => undefined)
    socket.on('close', (code) => resolve({ said, code }))
  })
const init = (payload: object) => ({ type: 'connection_init', payload })
const authorized = async (subject: string, organization = 'a') => init({ authorization: `Bearer ${await server.token(subject, organization)}` })

test('a second operation under an id that is in use closes with 4409; under one that is free again it does not', async () => {
  const subscribe = (query: string) => ({ id: 'same', type: 'subscribe', payload: { query } })
  const watch = subscribe('subscription { keyCounts { total } }')
  const twice = await talk([await authorized('ownA')], (type) => (type === 'connection_ack' ? [watch, watch] : []))
  expect(twice.code).toBe(4409)
  expect(twice.said[0]).toBe('connection_ack')
  let asked = 0
  const again = await talk([await authorized('ownA')], (type) => {
    if (type !== 'connection_ack' && type !== 'complete') return []
    // The third message is none, which is how this conversation ends.
    return asked++ < 2 ? [subscribe('{ apps { id } }')] : [{ type: 'enough' }]
  })
  expect(again).toEqual({ said: ['connection_ack', 'next', 'complete', 'next', 'complete'], code: 4400 })
})

test('a connection_init whose credential is bad closes with 4403, and nothing was said before', async () => {
  const key = await company.createKey('devA', company.I1)
  const expired = await server.token('devA', 'a', new Date(server.time.now.getTime() - 1_000))
  await removeMember(server.app.ports, company.members.ownA, { id: company.members.dev2A.memberId, acknowledged: true })
  const [good, stranger, removed, elsewhere] = await Promise.all([
    authorized('ownA'),
    authorized('nobody'),
    authorized('dev2A'),
    // A member, but of another organization than the token says.
    authorized('ownA', 'b'),
  ])
  const bad: Record<string, object> = {
    'no payload': { type: 'connection_init' },
    'no credential': init({}),
    'an empty credential': init({ authorization: '' }),
    'a credential that is no text': init({ authorization: { Bearer: 'x' } }),
    junk: init({ authorization: 'Bearer junk' }),
    'an API key': init({ authorization: `Bearer ${key.plaintext}` }),
    'an expired token': init({ authorization: `Bearer ${expired}` }),
    'a token under another name': init({ token: `Bearer ${await server.token('ownA', 'a')}` }),
    stranger,
    removed,
    elsewhere,
  }
  for (const [name, message] of Object.entries(bad)) expect([name, await talk([message])]).toEqual([name, { said: [], code: 4403 }])
  const goodOne = await talk([good], () => [{ type: 'enough' }])
  expect(goodOne).toEqual({ said: ['connection_ack'], code: 4400 })
})

/** The upgrade's answer and the code of the close frame, without a client library: those refuse a server that picks no subprotocol. */
const upgrade = (protocols: string | null): Promise<{ head: string; code: number }> =>
  new Promise((resolve, reject) => {
    const { port } = new URL(server.url)
    const key = randomBytes(16).toString('base64')
    const offer = protocols === null ? '' : `Sec-WebSocket-Protocol: ${protocols}\r\n`
    const socket = connect(Number(port), '127.0.0.1', () =>
      socket.write(
        `GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${offer}\r\n`,
      ),
    )
    let bytes = Buffer.alloc(0)
    socket.on('error', reject)
    socket.on('data', (part: Buffer) => {
      bytes = Buffer.concat([bytes, part])
      const end = bytes.indexOf('\r\n\r\n')
      if (end < 0 || bytes.length < end + 8) return
      const frame = bytes.subarray(end + 4)
      // A final frame with the opcode of closing.
      resolve({ head: bytes.subarray(0, end).toString(), code: frame[0] === 0x88 ? frame.readUInt16BE(2) : -1 })
      socket.destroy()
    })
  })

test('WS-04 the legacy subprotocol, one that nobody knows, or none at all closes with 4406', async () => {
  for (const protocols of ['graphql-ws', 'soap', 'graphql-ws, soap', 'GRAPHQL-TRANSPORT-WS', null]) {
    const { head, code } = await upgrade(protocols)
    expect([protocols, code]).toEqual([protocols, 4406])
    expect(head).toMatch(/^HTTP\/1\.1 101/)
    expect(head).not.toMatch(/sec-websocket-protocol/i)
  }
})

test('WS-04 who offers the legacy subprotocol beside the present one gets the present one', async () => {
  const chosen = await new Promise<string>((resolve) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-ws', 'graphql-transport-ws'])
    socket.on('open', () => {
      resolve(socket.protocol)
      socket.terminate()
    })
  })
  expect(chosen).toBe('graphql-transport-ws')
})
