import { connect } from 'node:net'
import { getIntrospectionQuery } from 'graphql'
import { beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { as, createCompany } from '../support/company.ts'
import { serverOfFile } from '../support/file-server.ts'
import { newSeed, seededRandom } from '../support/random.ts'

const server = await serverOfFile({ NODE_ENV: 'production', WS_MAX_SOCKETS_PER_MEMBER: '1000' })
let authorization: string

beforeAll(async () => {
  await createCompany(server)
  authorization = `Bearer ${await server.token('ownA', 'a')}`
})

interface Answer {
  status: number
  data?: Record<string, unknown> | null
  errors?: { message: string }[]
  extensions?: unknown
}
const ask = async (query: unknown, more: object = {}): Promise<Answer> => {
  const response = await server.post({ query, ...more }, as('ownA'))
  return { status: response.status, ...((await response.json()) as object) }
}
const get = (query: string, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/graphql?query=${encodeURIComponent(query)}`, { headers: { authorization, ...headers } })

const probes: [name: string, isOpen: () => Promise<boolean>][] = [
  ['alias overloading', async () => (await ask(`{ ${Array.from({ length: 101 }, (_, index) => `a${index}: __typename`).join(' ')} }`)).data != null],
  ['array based batching', async () => (await server.post(Array(10).fill({ query: '{ __typename }' }), as('ownA'))).status === 200],
  ['directive overloading', async () => ((await ask(`{ __typename ${'@aa'.repeat(10)} }`)).errors?.length ?? 0) >= 10],
  [
    'circular introspection',
    async () => (await ask(`{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }`)).data != null,
  ],
  ['a query by GET with a cookie', async () => (await get('{ __typename }', { cookie: 'a=b' })).status === 200],
  ['a mutation by GET', async () => (await get('mutation { __typename }', { 'x-graphql-csrf': '1' })).status === 200],
  [
    'a form instead of JSON',
    async () => (await server.post('query=%7B__typename%7D', as('ownA'), { 'content-type': 'application/x-www-form-urlencoded' })).status === 200,
  ],
  ['introspection', async () => (await ask(getIntrospectionQuery())).data != null],
  ['field suggestions', async () => JSON.stringify(await ask('{ app { id } apikeys { totalCount } }')).includes('Did you mean')],
  ['GraphiQL', async () => /graphiql/i.test(await (await get('{ __typename }', { accept: 'text/html' })).text())],
  ['traces', async () => (await ask('{ __typename }')).extensions !== undefined],
  ['field duplication', async () => (await ask(`{ ${'__typename '.repeat(2_000)} }`)).data != null],
  ['unhandled errors', async () => /exception|stack|node_modules/i.test(JSON.stringify(await ask('qwerty { abc }')))],
]
for (const [name, isOpen] of probes) {
  test(`HP-11 ${name} is not open`, async () => {
    expect(await isOpen()).toBe(false)
  })
}

const seed = newSeed()
test(`BI-09 whatever bytes come, the server goes on (seed ${seed})`, async () => {
  const random = seededRandom(seed)
  const good = Buffer.from(
    `POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nContent-Length: 27\r\nConnection: close\r\n\r\n{"query":"{ __typename   }"}`,
  )
  const send = (bytes: Buffer): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => socket.end(bytes))
      socket.on('data', () => undefined).on('error', () => resolve())
      socket.on('close', () => resolve()).setTimeout(300, () => socket.destroy())
    })
  const altered = (bytes: Buffer): Buffer => {
    const copy = Buffer.from(bytes)
    for (let changes = 1 + Math.floor(random() * 8); changes > 0; changes--) copy[Math.floor(random() * copy.length)] = Math.floor(random() * 256)
    return random() < 0.2 ? copy.subarray(0, Math.floor(random() * copy.length)) : copy
  }
  for (let sent = 0; sent < 300; sent += 10) await Promise.all(Array.from({ length: 10 }, () => send(altered(good))))
  for (let sent = 0; sent < 60; sent++) {
    await new Promise<void>((resolve) => {
      const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'])
      const init = Buffer.from(JSON.stringify({ type: 'connection_init', payload: { authorization } }))
      const subscribe = Buffer.from(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: 'subscription { keyCounts { total } }' } }))
      socket.on('open', () => {
        for (const message of [init, altered(subscribe), altered(init)]) socket.send(message.toString('latin1'))
        setTimeout(() => socket.terminate(), 30)
      })
      socket.on('error', () => undefined).on('close', () => resolve())
    })
  }
  expect((await ask('{ apps { id } }')).data).toEqual({ apps: [expect.anything()] })
  expect(server.log.filter((entry) => entry.level === 'error')).toEqual([])
})
