import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer, type IncomingMessage } from 'node:http'
import { beforeAll, expect, test } from 'vitest'
import { createVerifier, express, fastify, hono, type RefusedKey, type ValidKey, type Verifier } from '../../src/client/verify.ts'
import { formatKey } from '../../src/crypto/key-format.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import type { RefusalCode } from '../../src/verification/decide.ts'
import type { TestKey } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { type Answer, ask, startListener } from '../support/gateways.ts'

const gatewayToken = 'a-token-of-the-gateways'
const unknown: unknown[] = []
const onUnknown = (reason: unknown): void => void unknown.push(reason)
const { server, company } = await companyOfFile({ GATEWAY_TOKEN: gatewayToken })
let key: TestKey
let verifier: Verifier

beforeAll(async () => {
  key = await company.createKey('devA', company.I1)
  verifier = createVerifier({ url: server.url, gatewayToken, onUnknown })
})

const revoke = (id: string) => revokeApiKeys(server.app.ports, company.members.devA, { ids: [id], acknowledged: true })

test('a valid key is answered with whose it is, another with the reason', async () => {
  expect(await verifier.verify(key.plaintext, company.I1)).toEqual({
    valid: true,
    code: 'VALID',
    keyId: key.id,
    name: 'key',
    appId: company.appId,
    instanceId: company.I1,
    organizationId: company.members.devA.organizationId,
    createdBy: company.members.devA.memberId,
    expiresAt: expect.stringMatching(/^\d{4}-.*Z$/),
  })
  const forged = formatKey(key.id, new Uint8Array(32).fill(9)).expose()
  // No code of the server is missing in the types of the client, nor the other way round.
  const codeOf = (code: RefusalCode): RefusedKey['code'] => code
  const back = (code: RefusedKey['code']): RefusalCode => code
  for (const [text, instanceId, code] of [
    ['junk', company.I1, 'MALFORMED'],
    ['x'.repeat(10_000), company.I1, 'MALFORMED'],
    [forged, company.I1, 'NOT_FOUND'],
    [key.plaintext, company.I2, 'WRONG_INSTANCE'],
  ] as const) {
    expect(await verifier.verify(text, instanceId)).toEqual({ valid: false, code: codeOf(back(code)) })
  }
})

test('every question reaches the server, over connections that stay open, and a revoked key is refused at once', async () => {
  const { id, plaintext } = await company.createKey('devA', company.I1)
  const sockets: unknown[] = []
  const count = (message: unknown): void => {
    const { request, socket } = message as { request: IncomingMessage; socket: unknown }
    if (request.url === '/v1/verify') sockets.push(socket)
  }
  subscribe('http.server.request.start', count)
  for (let turn = 0; turn < 50; turn++) expect((await verifier.verify(turn % 5 ? plaintext : 'junk', company.I1)).valid).toBe(turn % 5 > 0)
  unsubscribe('http.server.request.start', count)
  expect(sockets).toHaveLength(50)
  expect(new Set(sockets).size).toBeLessThanOrEqual(2)
  await revoke(id)
  expect(await verifier.verify(plaintext, company.I1)).toEqual({ valid: false, code: 'REVOKED' })
})

test('what it cannot know it throws, tells, and never answers', async () => {
  type Reply = [number, Record<string, string>, string] | null
  let reply = null as Reply
  const liar = await startListener((response) => {
    if (reply) response.writeHead(reply[0], reply[1]).end(reply[2])
  })
  const valid = JSON.stringify(await verifier.verify(key.plaintext, company.I1))
  const asked = createVerifier({ url: `http://${liar.host}`, timeoutMs: 200, onUnknown })
  unknown.length = 0
  const replies: Reply[] = [
    ...[204, 400, 401, 403, 404, 500, 503].map((status): Reply => [status, {}, status === 204 ? '' : valid]),
    [302, { location: `http://${liar.host}/` }, ''],
    ...['', '{}', 'null', '[]', '"valid"', '{"valid":"true"}', '{"valid":1}', '{"valid":true}', '<html>'].map((text): Reply => [200, {}, text]),
    [200, {}, valid.replace(company.I1, company.I2)],
    null,
  ]
  for (reply of replies) {
    const thrown = await asked.verify(key.plaintext, company.I1).catch((error: unknown) => error)
    expect([reply, thrown]).toEqual([reply, expect.any(Error)])
    expect(String(thrown)).not.toContain(key.plaintext)
  }
  expect(liar.received).toHaveLength(replies.length)
  reply = [200, {}, valid]
  expect((await asked.verify(key.plaintext, company.I1)).valid).toBe(true)
  await liar.stop()
  await expect(asked.verify(key.plaintext, company.I1)).rejects.toThrow()
  await expect(createVerifier({ url: server.url, onUnknown }).verify(key.plaintext, company.I1)).rejects.toThrow('401')
  await expect(verifier.verify(key.plaintext, 'no id')).rejects.toThrow('400')
  expect(unknown).toHaveLength(replies.length + 3)
})

type Guarded = (request: IncomingMessage) => Promise<Response>

/** What answers with the id of the key behind each adapter, which is called as its framework calls it. */
const adapters: Record<string, (verifier: Verifier, instanceId: string) => Guarded> = {
  express: (...guard) => {
    const middleware = express(...guard)
    return (request: IncomingMessage & { auraKey?: ValidKey }) =>
      new Promise((resolve) => {
        const writeHead = (status: number, headers: Record<string, string>) => ({ end: (text: string) => resolve(new Response(text, { status, headers })) })
        middleware(request, { writeHead }, () => resolve(new Response(request.auraKey?.keyId)))
      })
  },
  fastify: (...guard) => {
    const hook = fastify(...guard)
    return async (request: IncomingMessage & { auraKey?: ValidKey }) => {
      const init: { status?: number; headers?: Record<string, string> } = {}
      const reply = {
        code: (status: number) => {
          init.status = status
          return reply
        },
        headers: (headers: Record<string, string>) => {
          init.headers = headers
          return reply
        },
        send: (body: object) => new Response(JSON.stringify(body), init),
      }
      const sent = await hook(request, reply)
      return sent instanceof Response ? sent : new Response(request.auraKey?.keyId)
    }
  },
  hono: (...guard) => {
    const middleware = hono(...guard)
    return async ({ headers }) => {
      const found = new Map<string, ValidKey>()
      const context = { req: { header: (name: string) => headers[name] as string | undefined }, set: found.set.bind(found) }
      const refused = await middleware(context, async () => undefined)
      return refused ?? new Response(found.get('auraKey')?.keyId)
    }
  },
}

test.each(Object.keys(adapters))('%s: the key passes with whose it is; others get 401 or 403, and 503 when it cannot be known', async (name) => {
  const serve = async (asked: Verifier, use: (through: (headers?: Record<string, string>) => Promise<Answer>) => Promise<void>): Promise<void> => {
    const handle = adapters[name]?.(asked, company.I1)
    const app = createServer(async (request, response) => {
      const answer = await handle?.(request)
      if (answer) response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text())
    })
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
    await use((headers) => ask(`http://127.0.0.1:${(app.address() as { port: number }).port}`, headers))
    app.close()
  }
  const bearer = (text: string) => ({ authorization: `Bearer ${text}` })
  await serve(verifier, async (through) => {
    for (const headers of [bearer(key.plaintext), { 'x-api-key': key.plaintext }, { authorization: 'Basic eDp5', 'x-api-key': key.plaintext }]) {
      expect(await through(headers)).toMatchObject({ status: 200, text: key.id })
    }
    const other = await company.createKey('ownA', company.I2)
    const { id, plaintext } = await company.createKey('devA', company.I1)
    expect((await through(bearer(plaintext))).status).toBe(200)
    await revoke(id)
    const [challenge, invalid] = ['Bearer realm="aura-keys"', 'Bearer realm="aura-keys", error="invalid_token"']
    for (const [headers, status, code, authenticate] of [
      [{}, 401, undefined, challenge],
      [{ authorization: `Basic ${key.plaintext}` }, 401, undefined, challenge],
      [{ ...bearer(key.plaintext), 'x-api-key': 'junk' }, 401, 'MALFORMED', invalid],
      [bearer(plaintext), 401, 'REVOKED', invalid],
      [bearer(other.plaintext), 403, 'WRONG_INSTANCE', undefined],
    ] as const) {
      const answer = await through(headers as Record<string, string>)
      expect([answer.status, JSON.parse(answer.text).code, answer.headers['www-authenticate']]).toEqual([status, code, authenticate])
    }
  })
  await serve(createVerifier({ url: server.url }), async (through) => {
    expect(await through(bearer(key.plaintext))).toMatchObject({ status: 503, headers: { 'retry-after': '1', 'cache-control': 'no-store' } })
  })
})
