import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { expect, test, vi } from 'vitest'
import { signToken } from '../../src/authentication/tokens.ts'
import { KeyCountsDocument } from '../generated/operations.ts'
import { type Line, lines } from '../support/line.ts'
import { createHome, type Home, onPostgres, type ServerProcess } from '../support/processes.ts'
import { startProxy, type TcpProxy } from '../support/proxy.ts'
import { authSecret, type GraphQLAnswer } from '../support/server.ts'

const many = 100
const settings = { AUTH_SECRET: authSecret, WS_MAX_SOCKETS_PER_MEMBER: '1000' }

const claims = { subject: 'owner@demo.example', organization: 'demo', organizationClaim: 'org' }
const authorizationOfOwner = async (): Promise<string> =>
  `Bearer ${await signToken(new TextEncoder().encode(authSecret), { ...claims, ttl: new Date(Date.now() + 3_600_000) })}`

const startLines = (home: Home, authorization: string): Line[] => [
  ...Array.from({ length: many }, () => lines.WebSocket(home, KeyCountsDocument.toString(), {}, authorization)),
  ...Array.from({ length: 10 }, () => lines.SSE(home, KeyCountsDocument.toString(), {}, authorization)),
]
const answered = (all: readonly Line[]) =>
  vi.waitFor(() => expect(all.filter(({ answers }) => answers.length > 0)).toHaveLength(all.length), { timeout: 20_000 })

/** Ends the process as an operator does; answers how, and after how long. */
async function stop({ child, exited }: ServerProcess): Promise<{ code: number | null; ms: number }> {
  const began = performance.now()
  child.kill('SIGTERM')
  return { code: await exited, ms: performance.now() - began }
}

/** One that upgrades and then never says a word, nor answers a goodbye. */
async function deafPeer({ url }: Home): Promise<() => void> {
  const deaf = connect(Number(new URL(url).port), '127.0.0.1')
  const upgraded = new Promise((resolve) => deaf.once('data', resolve))
  deaf.on('error', () => undefined)
  deaf.write(
    'GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
  )
  await upgraded
  return () => void deaf.destroy()
}

test('CF-10 SIGTERM with 100 requests and 100 sockets: requests are answered, sockets closed with 1001, streams ended, exit 0 in ten seconds', async () => {
  const home = await createHome(settings)
  const server = await home.serve()
  const agent = new Agent({ keepAlive: true, maxSockets: many })
  try {
    const authorization = await authorizationOfOwner()
    /** Sends the head; once the server `began` with it and said so, `finish` sends the body. */
    const post = (query: string): { began: Promise<void>; finish(): void; answer: Promise<{ status: number; body: string }> } => {
      const text = JSON.stringify({ query })
      const headers = { authorization, 'content-type': 'application/json', accept: 'application/json', expect: '100-continue' }
      const posted = request(`${home.url}/graphql`, { method: 'POST', agent, headers })
      const answer = new Promise<{ status: number; body: string }>((resolve, reject) => {
        posted.once('error', reject).once('response', (response) => {
          let body = ''
          response.setEncoding('utf8').on('data', (part: string) => {
            body += part
          })
          response.once('error', reject).once('end', () => resolve({ status: response.statusCode ?? 0, body }))
        })
      })
      const began = new Promise<void>((resolve) => posted.once('continue', resolve))
      posted.flushHeaders()
      return { began, finish: () => void posted.end(text), answer }
    }
    const all = startLines(home, authorization)
    await answered(all)
    const found = post('{ app(slug: "analyst") { instances(first: 1) { edges { node { id } } } } }')
    found.finish()
    const [instanceId] = /ins_\w+/.exec((await found.answer).body) ?? []

    const requests = Array.from({ length: many }, (_, index) =>
      post(
        // Few changes, since those of one organization wait for each other, and a busy machine has its ten seconds too.
        index % 10 === 0
          ? `mutation { createApiKey(input: { instanceId: "${instanceId}", name: "under way ${index}", expiresInDays: 1 }) { apiKey { id } } }`
          : '{ apps { name keyCounts { total } } }',
      ),
    )
    const answers = Promise.all(requests.map(({ answer }) => answer))
    await Promise.all(requests.map(({ began }) => began))
    const stopping = stop(server)
    await vi.waitFor(() => expect(server.printed.join('')).toContain('Stopping'), { timeout: 10_000, interval: 10 })
    for (const { finish } of requests) finish()

    for (const { status, body } of await answers) {
      expect(status).toBe(200)
      expect(JSON.parse(body)).toEqual({ data: expect.anything() })
    }
    const ends = await Promise.all(all.map(({ ended }) => ended))
    expect(ends.slice(0, many)).toEqual(Array(many).fill(1001))
    expect(ends.slice(many)).toEqual(Array(10).fill('broken off'))
    const { code, ms } = await stopping
    expect(code).toBe(0)
    expect(ms).toBeLessThan(10_000)
    await expect(fetch(`${home.url}/readyz`)).rejects.toThrow()
  } finally {
    agent.destroy()
    await home.remove()
  }
}, 90_000)

test.each(['cut', 'swallow'] as const)(
  'CF-10 SIGTERM while the database does not answer (%s), and a peer that answers no goodbye: exit 0 in ten seconds',
  async (how) => {
    let proxy: TcpProxy | null = null
    const home = await createHome(settings, async (url) => {
      proxy = await startProxy(url)
      return proxy.url
    })
    const server = await home.serve()
    try {
      const authorization = await authorizationOfOwner()
      const all = startLines(home, authorization)
      await answered(all)
      const leave = await deafPeer(home)
      // The embedded database is part of the process: there it is only the peer that does not answer.
      ;(proxy as TcpProxy | null)?.[how]()
      const waiting = onPostgres
        ? Array.from({ length: 5 }, () =>
            fetch(`${home.url}/graphql`, {
              method: 'POST',
              headers: { authorization, 'content-type': 'application/json' },
              body: JSON.stringify({ query: '{ apps { id } }' }),
            }).then(
              async (response) => ((await response.json()) as GraphQLAnswer<unknown>).errors?.[0]?.extensions.code,
              () => 'broken off',
            ),
          )
        : []
      if (onPostgres) {
        const ready = () => fetch(`${home.url}/readyz`).then(({ status }) => status)
        await vi.waitFor(async () => expect(await ready()).toBe(503), { timeout: 10_000 })
      }
      const { code, ms } = await stop(server)
      expect(code).toBe(0)
      expect(ms).toBeLessThan(10_000)
      // Told that the database is away, or cut off by the end; never an answer that it cannot know.
      for (const said of await Promise.all(waiting)) expect(['broken off', 'UNAVAILABLE']).toContain(said)
      expect((await Promise.all(all.map(({ ended }) => ended))).slice(0, many)).toEqual(Array(many).fill(1001))
      leave()
    } finally {
      await home.remove()
      await (proxy as TcpProxy | null)?.stop()
    }
  },
  90_000,
)
