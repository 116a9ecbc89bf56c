import { connect } from 'node:net'
import { beforeAll, expect, test } from 'vitest'
import { formatKey } from '../../src/crypto/key-format.ts'
import { newId } from '../../src/ids.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { createCompany, type TestKey } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { startServer } from '../support/server.ts'

const { server, company } = await companyOfFile()
let key: TestKey

beforeAll(async () => {
  key = await company.createKey('devA', company.I1)
})

const ask = (query: string, headers: Record<string, string> = {}, method = 'GET', at = server): Promise<Response> =>
  fetch(`${at.url}/v1/authorize${query}`, { method, headers })
const of = (instanceId: string): string => `?instance=${instanceId}`
const bearer = (text: string) => ({ authorization: `Bearer ${text}` })

test('a key that opens the instance passes by any method, with who it is in headers, no body, and nothing that may be kept', async () => {
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    for (const headers of [bearer(key.plaintext), { 'x-api-key': key.plaintext }, { authorization: 'Basic eDp5', 'x-api-key': key.plaintext }]) {
      const answer = await ask(of(company.I1), headers as Record<string, string>, method)
      expect([method, answer.status]).toEqual([method, 200])
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'x-aura-key-id': key.id,
        'x-aura-app-id': company.appId,
        'x-aura-instance-id': company.I1,
        'x-aura-organization-id': company.members.devA.organizationId,
        'cache-control': 'no-store',
        'x-request-id': expect.stringMatching(/^[\da-f-]{36}$/),
      })
      expect(JSON.stringify([...answer.headers])).not.toContain(key.plaintext)
      expect(await answer.text()).toBe('')
    }
  }
})

test('without a key it is 401 with a challenge, with another than a valid one too, for another instance 403; nobody gets identity headers then', async () => {
  const revoked = await company.createKey('devA', company.I1)
  await revokeApiKeys(server.app.ports, company.members.devA, { ids: [revoked.id], acknowledged: true })
  const forged = formatKey(key.id, new Uint8Array(32).fill(9)).expose()
  const cases: [string, Record<string, string>, number, string | null][] = [
    [of(company.I1), {}, 401, 'Bearer realm="aura-keys"'],
    [of(company.I1), { authorization: 'Basic eDp5' }, 401, 'Bearer realm="aura-keys"'],
    [of(company.I1), bearer('aura_junk'), 401, 'Bearer realm="aura-keys", error="invalid_token"'],
    [of(company.I1), bearer(forged), 401, 'Bearer realm="aura-keys", error="invalid_token"'],
    [of(company.I1), bearer(revoked.plaintext), 401, 'Bearer realm="aura-keys", error="invalid_token"'],
    [of(company.I2), bearer(key.plaintext), 403, null],
    [of(newId('ins')), bearer(key.plaintext), 403, null],
  ]
  for (const [query, headers, status, challenge] of cases) {
    const answer = await ask(query, headers)
    expect([query, headers, answer.status, answer.headers.get('www-authenticate')]).toEqual([query, headers, status, challenge])
    expect([...answer.headers.keys()].filter((name) => name.startsWith('x-aura'))).toEqual([])
  }
})

test('the instance is named once, by the query or the header: neither, two that differ, and a repeated one are 400', async () => {
  const { I1, I2 } = company
  const asked = async (query: string, instance?: string): Promise<number> =>
    (await ask(query, { ...bearer(key.plaintext), ...(instance === undefined ? {} : { 'x-aura-instance': instance }) })).status
  expect([await asked('', I1), await asked(of(I1)), await asked(of(I1), I1)]).toEqual([200, 200, 200])
  for (const [query, header] of [
    ['', undefined],
    ['?instance=', undefined],
    ['?instance=*', undefined],
    [`?instance=${key.id}`, undefined],
    [of(I1), I2],
    [of(I2), I1],
    [`${of(I1)}&instance=${I2}`, undefined],
    [`${of(I1)}&instance=${I1}`, undefined],
    [`${of(I1)}%00`, undefined],
    ['', `${I1}, ${I2}`],
    ['', `${I1}, ${I1}`],
    ['', ''],
  ] as const) {
    expect([query, header, await asked(query, header)]).toEqual([query, header, 400])
  }
  // Sent twice, as two lines.
  const { port } = new URL(server.url)
  const text = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1', () =>
      socket.end(`GET /v1/authorize HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key.plaintext}\r\nX-Aura-Instance: ${I1}\r\nX-Aura-Instance: ${I1}\r\n\r\n`),
    )
    let received = ''
    socket.on('data', (part) => {
      received += part
    })
    socket.on('end', () => resolve(received)).on('error', reject)
  })
  expect(text).toMatch(/^HTTP\/1\.1 400 /)
})

test('only the exact path authorizes', async () => {
  for (const path of ['/v1/authorize/', '/v1/Authorize', '/v1/authorize/x', '//v1/authorize', '/v1/%61uthorize']) {
    const answer = await fetch(`${server.url}${path}${of(company.I1)}`, { headers: bearer(key.plaintext) })
    expect([path, answer.status]).toEqual([path, 404])
  }
})

test('with a gateway token set, every route of gateways asks for it', async () => {
  const guarded = await startServer({ GATEWAY_TOKEN: 'a token of the gateways' })
  const its = await createCompany(guarded)
  const { plaintext } = await its.createKey('devA', its.I1)
  const body = JSON.stringify({ verifications: [{ key: plaintext, instanceId: its.I1 }] })
  for (const [token, status] of [
    [undefined, 401],
    ['another', 401],
    ['a token of the gateways', 200],
  ] as const) {
    const headers: Record<string, string> = { ...bearer(plaintext), ...(token ? { 'x-aura-gateway-token': token } : {}) }
    expect((await ask(of(its.I1), headers, 'GET', guarded)).status).toBe(status)
    expect((await fetch(`${guarded.url}/v1/verify/batch`, { method: 'POST', headers, body })).status).toBe(status)
  }
  await guarded.close()
})

test('VF-19 when the database fails it is 503 with Retry-After, never 200', async () => {
  const run = (sql: string) => server.app.database.client.$executeRawUnsafe(sql)
  await run('ALTER TABLE key_digest RENAME TO key_digest_gone')
  const answer = await ask(of(company.I1), { ...bearer(key.plaintext), 'cache-control': 'no-cache' })
  await run('ALTER TABLE key_digest_gone RENAME TO key_digest')
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
  expect((await ask(of(company.I1), bearer(key.plaintext))).status).toBe(200)
})
