import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { formatKey } from '../../src/crypto/key-format.ts'
import { newId } from '../../src/ids.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import type { LaneName, Lookups } from '../../src/verification/lookups.ts'
import { type Company, createCompany } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { createVerification } from '../support/verifier.ts'

let server: TestServer
let company: Company
let route: Server
let url: string
let lookups: Lookups
let metricsText: () => Promise<string>

/** The ids of each statement, those that are held included. */
let statements: (readonly string[])[]
/** Waits before a statement is sent, and before its answer is handed on. */
let before: (ids: readonly string[]) => Promise<void> | void
let after: typeof before

beforeAll(async () => {
  server = await startServer()
  company = await createCompany(server)
})
afterAll(() => server.close())

beforeEach(async () => {
  statements = []
  before = () => undefined
  after = () => undefined
  const held =
    <Row>(read: (ids: readonly string[]) => Promise<Row[]>) =>
    async (ids: readonly string[]): Promise<Row[]> => {
      statements.push([...ids])
      await before(ids)
      const rows = await read(ids)
      await after(ids)
      return rows
    }
  const { verification } = server.app
  const made = createVerification(server, { store: { records: held(verification.records), marks: held(verification.marks) } })
  lookups = made.lookups
  metricsText = made.metrics
  route = createServer(made.route)
  await new Promise<void>((resolve) => route.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(route.address() as AddressInfo).port}`
})
afterEach(async () => {
  route.closeAllConnections()
  await new Promise((resolve) => route.close(resolve))
})

const forge = (id = newId('key')): string => formatKey(id, randomBytes(32)).expose()
const bodyOf = (key: string): string => JSON.stringify({ key, instanceId: company.I1 })
const ask = (key: string): Promise<Response> => fetch(url, { method: 'POST', body: bodyOf(key) })
const codeOf = async (key: string): Promise<string> => ((await (await ask(key)).json()) as { code: string }).code

/** Sends one question for each key through one connection, without waiting for answers; `answered` is what came back. */
function pipeline(keys: readonly string[]): { socket: Socket; answered(): string } {
  let text = ''
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket
    .on('error', () => undefined)
    .on('data', (part) => {
      text += part
    })
  for (const body of keys.map(bodyOf)) socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  return { socket, answered: () => text }
}

/** Holds something until the test lets it go. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}
const patient = { timeout: 20_000 }
const waiting = (lane: LaneName, count: number): Promise<void> => vi.waitFor(() => expect(lookups.waiting()[lane]).toBe(count), patient)

test('while a flood of made-up keys waits, a known key costs the one statement of its own lane, and an id without the secret is no way in', async () => {
  const key = await company.createKey('devA', company.I1)
  expect(await codeOf(key.plaintext)).toBe('VALID')
  const held = gate()
  const { organizationId } = company.members.devA
  before = (ids) => (ids[0] === organizationId ? undefined : held.opened)
  const first = codeOf(forge())
  await vi.waitFor(() => expect(statements).toHaveLength(2), patient)
  const made = Array.from({ length: 1_500 }, () => forge())
  const { socket, answered } = pipeline([...made, ...Array.from({ length: 50 }, () => forge(key.id))])
  await waiting('unknown', 1_550)
  for (let turn = 1; turn <= 5; turn++) {
    expect(await codeOf(key.plaintext)).toBe('VALID')
    expect(statements.slice(2)).toEqual(Array(turn).fill([organizationId]))
  }
  expect(await metricsText()).toContain('aura_keys_verifications_waiting{lane="unknown"} 1550')
  held.open()
  await vi.waitFor(() => expect(answered().match(/"NOT_FOUND"/g)).toHaveLength(1_550), patient)
  expect(await first).toBe('NOT_FOUND')
  expect(answered()).not.toMatch(/"valid":true|HTTP\/1\.1 50\d/)
  // The first alone, then 500 at a time; those for one id count as one.
  expect(statements.slice(7).map((ids) => ids.length)).toEqual([500, 500, 500, 1])
  const text = await metricsText()
  for (const line of [
    'verifications_total{code="VALID"} 6',
    'verifications_total{code="NOT_FOUND"} 1551',
    'verification_statements_total{lane="marks"} 5',
    'verification_statements_total{lane="unknown"} 6',
    'verifications_waiting{lane="unknown"} 0',
  ]) {
    expect(text).toContain(`aura_keys_${line}\n`)
  }
  socket.destroy()
})

test('beyond 2,000 that wait, made-up keys get 503 with Retry-After at once, and known keys are answered all the same', async () => {
  const key = await company.createKey('devA', company.I1)
  const fresh = await company.createKey('devA', company.I1)
  expect(await codeOf(key.plaintext)).toBe('VALID')
  const held = gate()
  before = (ids) => (ids[0] === company.members.devA.organizationId ? undefined : held.opened)
  const first = codeOf(forge())
  await vi.waitFor(() => expect(statements).toHaveLength(2), patient)
  const { answered } = pipeline(Array.from({ length: 2_000 }, () => forge()))
  await waiting('unknown', 2_000)
  for (const text of [forge(), forge(key.id), fresh.plaintext]) {
    const refused = await ask(text)
    expect([refused.status, refused.headers.get('retry-after'), await refused.text()]).toEqual([503, '1', expect.not.stringContaining('valid')])
  }
  expect([await codeOf(key.plaintext), await codeOf('aura_junk')]).toEqual(['VALID', 'MALFORMED'])
  expect(await metricsText()).toContain('aura_keys_verifications_undecided_total{reason="busy"} 3\n')
  held.open()
  await vi.waitFor(() => expect(answered().match(/"NOT_FOUND"/g)).toHaveLength(2_000), patient)
  expect(await first).toBe('NOT_FOUND')
  expect(await codeOf(fresh.plaintext)).toBe('VALID')
})

test('whoever hangs up holds no place, however many questions came through one connection', async () => {
  const held = gate()
  before = () => held.opened
  const first = pipeline([forge()])
  await vi.waitFor(() => expect(statements).toHaveLength(1), patient)
  const many = pipeline(Array.from({ length: 500 }, () => forge()))
  const single = Array.from({ length: 20 }, () => pipeline([forge()]))
  const stays = forge()
  const answer = codeOf(stays)
  await waiting('unknown', 521)
  many.socket.destroy()
  for (const { socket } of single) socket.destroy()
  await waiting('unknown', 1)
  held.open()
  expect(await answer).toBe('NOT_FOUND')
  expect(statements.map((ids) => ids.length)).toEqual([1, 1])
  expect(await metricsText()).toContain('aura_keys_verifications_undecided_total{reason="gone"} 520\n')
  first.socket.destroy()
})

for (const lane of ['known', 'unknown'] as const) {
  test(`VF-05 in the ${lane} lane a key is refused as soon as its revocation is answered, while a statement that saw it valid is still under way`, async () => {
    const key = await company.createKey('devA', company.I1)
    if (lane === 'known') expect(await codeOf(key.plaintext)).toBe('VALID')
    const [read, held] = [gate(), gate()]
    after = () => {
      read.open()
      return held.opened
    }
    const early = codeOf(key.plaintext)
    await read.opened
    await revokeApiKeys(server.app.ports, company.members.devA, { ids: [key.id], acknowledged: true })
    const late = [codeOf(key.plaintext), codeOf(key.plaintext)]
    // Of a key in memory the mark is read first.
    await waiting(lane === 'known' ? 'marks' : lane, 2)
    held.open()
    expect([await early, ...(await Promise.all(late))]).toEqual(['VALID', 'REVOKED', 'REVOKED'])
    expect(await codeOf(key.plaintext)).toBe('REVOKED')
  })
}

test('VF-19 a statement that fails is 503 with Retry-After for those who rode on it, and the next is answered', async () => {
  const key = await company.createKey('devA', company.I1)
  const held = gate()
  before = (ids) =>
    statements.length > 1
      ? undefined
      : held.opened.then(() => {
          throw new Error(`a text that holds ${ids}`)
        })
  const failing = ask(key.plaintext)
  await vi.waitFor(() => expect(statements).toHaveLength(1), patient)
  const next = codeOf(key.plaintext)
  await waiting('unknown', 1)
  held.open()
  const refused = await failing
  expect([refused.status, refused.headers.get('retry-after'), await refused.text()]).toEqual([503, '1', expect.not.stringMatching(/valid|holds/)])
  expect([await next, JSON.stringify(server.log)]).toEqual(['VALID', expect.not.stringContaining('holds')])
  expect(await metricsText()).toContain('aura_keys_verifications_undecided_total{reason="failed"} 1\n')
})

test('questions that arrive together share statements, and a known key waits for few of them, on a database that answers at once too', async () => {
  const key = await company.createKey('devA', company.I1)
  expect(await codeOf(key.plaintext)).toBe('VALID')
  const flood = Array.from({ length: 4 }, () => pipeline(Array.from({ length: 250 }, () => forge())))
  const [answer] = await Promise.all([
    codeOf(key.plaintext),
    ...flood.map(({ answered }) => vi.waitFor(() => expect(answered()).toContain('NOT_FOUND'), patient)),
  ])
  expect(answer).toBe('VALID')
  await vi.waitFor(() => expect(flood.map(({ answered }) => answered().match(/"NOT_FOUND"/g)?.length)).toEqual([250, 250, 250, 250]), patient)
  const [, ...sent] = statements
  expect(sent.filter((ids) => ids.includes(company.members.devA.organizationId))).toEqual([[company.members.devA.organizationId]])
  // By how many pieces they arrive in, not by how many they are.
  expect(sent.length).toBeLessThan(100)
})
