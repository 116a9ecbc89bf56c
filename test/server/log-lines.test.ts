import { beforeEach, describe, expect, test, vi } from 'vitest'
import { createSampledLog, maxCauses, maxFailureLines, maxRefusalLines } from '../../src/server/log-lines.ts'
import { createMetrics } from '../../src/server/metrics.ts'
import { createRefused, withRequest } from '../../src/server/request.ts'
import { refusalsOf } from '../access/rows.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { codesOf, startServer } from '../support/server.ts'
import { everyTransport } from '../support/transports.ts'

const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })
// Each test has a minute of its own, and the log of none before it.
beforeEach(() => {
  server.time.now = new Date(server.time.now.getTime() + 60_000)
  server.app.lines.tell()
  server.log.length = 0
})

const nextMinute = (): void => {
  server.time.now = new Date(server.time.now.getTime() + 60_000)
}
const lines = (message: string) => server.log.filter((line) => line.message === message)
const leftOut = () => lines('lines were left out').map(({ fields }) => fields)

async function metrics(): Promise<Record<string, number>> {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  return Object.fromEntries([...text.matchAll(/^aura_keys_(\w+(?:\{[^}]*\})?) (\d+)$/gm)].map(([, name = '', value]) => [name, Number(value)]))
}
const grown = async (before: Record<string, number>, name: string): Promise<number> => ((await metrics())[name] ?? 0) - (before[name] ?? 0)

for (const [transport, send] of Object.entries(everyTransport)) {
  describe(`over ${transport}`, () => {
    test('one small request that is refused five hundred times writes a line for each root field, with the number, and every one is counted', async () => {
      const before = await metrics()
      const variables = { i: { ids: Array.from({ length: 100 }, (_, number) => String(number)), acknowledged: true } }
      const fields = ['a', 'b', 'c', 'd', 'e'].map((alias) => `${alias}:revokeApiKeys(input:$i){results{errorCode}}`)
      const sent = { query: `mutation($i:RevokeApiKeysInput!){${fields.join(' ')}}`, variables }
      expect(JSON.stringify(sent).length).toBeLessThan(1_000)
      expect(codesOf(await send(server, sent, as('devA')))).toEqual([])
      const { memberId, organizationId } = company.members.devA
      const line = { code: 'NOT_FOUND', field: 'revokeApiKeys', count: 100, memberId, organizationId, requestId: expect.any(String) }
      expect(server.log.map(({ fields: each }) => each)).toEqual(Array(5).fill(line))
      expect(await grown(before, 'refusals_total{code="NOT_FOUND"}')).toBe(500)
    })

    test('what one answer is refused at many fields is five lines, the rest is told as a number', async () => {
      const before = await metrics()
      const aliases = Array.from({ length: 12 }, (_, number) => `f${number}: auditLog { edges { node { id } } }`)
      expect(codesOf(await send(server, { query: `{ ${aliases.join(' ')} }` }, as('devA')))).toEqual(Array(12).fill('FORBIDDEN'))
      expect(refusalsOf(server).map(({ field }) => field)).toEqual(['f0', 'f1', 'f2', 'f3', 'f4'])
      expect(await grown(before, 'refusals_total{code="FORBIDDEN"}')).toBe(12)
      expect(await grown(before, 'log_lines_left_out_total')).toBe(7)
      nextMinute()
      server.app.lines.tell()
      expect(leftOut()).toEqual([{ of: 'refused', code: 'FORBIDDEN', memberId: company.members.devA.memberId, leftOut: 7 }])
    })

    test('what fails at many fields of one answer is one line with one stack and the number', async () => {
      const before = await metrics()
      const fail = vi.spyOn(server.app.ports.instances, 'among').mockRejectedValue(new Error('a secret'))
      const aliases = Array.from({ length: 12 }, (_, number) => `f${number}: instance(id: "${company.I1}") { id }`)
      const answer = await send(server, { query: `{ ${aliases.join(' ')} }` }, as('ownA'))
      fail.mockRestore()
      expect(codesOf(answer)).toEqual(Array(12).fill('INTERNAL'))
      const { memberId, organizationId } = company.members.ownA
      const { requestId } = answer.errors?.[0]?.extensions ?? {}
      expect(server.log.map(({ level, fields }) => [level, fields])).toEqual([
        ['error', { requestId, memberId, organizationId, path: 'f0', error: 'Error', code: undefined, stack: expect.any(Array), count: 12 }],
      ])
      expect(await grown(before, 'failures_total{code="INTERNAL"}')).toBe(12)
    })

    test('a database out of reach is ten lines a minute for each caller, then a number', async () => {
      const before = await metrics()
      const fail = vi.spyOn(server.app.ports.keys, 'page').mockRejectedValue(Object.assign(new Error('x'), { code: 'P1001' }))
      const ask = (person: 'ownA' | 'auraA') => send(server, { query: '{ apiKeys { edges { node { id } } } }' }, as(person))
      for (let asked = 0; asked < maxFailureLines + 5; asked++) expect(codesOf(await ask('ownA'))).toEqual(['UNAVAILABLE'])
      await ask('auraA')
      fail.mockRestore()
      const told = lines('the database is out of reach').map(({ fields }) => (fields as { memberId: string }).memberId)
      expect(told).toEqual([...Array(maxFailureLines).fill(company.members.ownA.memberId), company.members.auraA.memberId])
      expect(await grown(before, 'failures_total{code="UNAVAILABLE"}')).toBe(maxFailureLines + 6)
      nextMinute()
      server.app.lines.tell()
      expect(leftOut()).toMatchObject([{ of: 'the database is out of reach', code: 'P1001', memberId: company.members.ownA.memberId, leftOut: 5 }])
    })

    test('a refused socket or request of nobody is told with its address', async () => {
      await send(server, { query: '{ apps { id } }' }, { authorization: 'Bearer a.b.c' })
      expect(refusalsOf(server)).toEqual([{ code: 'UNAUTHENTICATED', field: undefined, requestId: expect.any(String), address: '127.0.0.1' }])
    })
  })
}

test('who is refused again and again is written down so often in a minute, then counted; others are written down all the while', async () => {
  const before = await metrics()
  const refuse = (person: 'devA' | 'dev2A') => server.post({ query: '{ auditLog { totalCount } }' }, as(person))
  for (let sent = 0; sent < maxRefusalLines + 7; sent++) await refuse('devA')
  expect(refusalsOf(server)).toHaveLength(maxRefusalLines)
  await refuse('dev2A')
  expect(refusalsOf(server).at(-1)).toMatchObject({ memberId: company.members.dev2A.memberId })
  expect(await grown(before, 'refusals_total{code="FORBIDDEN"}')).toBe(maxRefusalLines + 8)
  // Told by itself, within a second, once the minute is over; and not before.
  server.app.lines.tell()
  expect(leftOut()).toEqual([])
  nextMinute()
  await vi.waitFor(() => expect(leftOut()).toEqual([{ of: 'refused', code: 'FORBIDDEN', memberId: company.members.devA.memberId, leftOut: 7 }]), 5_000)
  await refuse('devA')
  expect(refusalsOf(server)).toHaveLength(maxRefusalLines + 2)
})

test('verifications that cannot be decided are one line until one can be, and every one is counted', async () => {
  const before = await metrics()
  const { plaintext } = await company.createKey('devA', company.I1)
  const fail = vi.spyOn(server.app.verification, 'records').mockRejectedValue(new Error('x'))
  const verify = () => fetch(`${server.url}/v1/verify`, { method: 'POST', body: JSON.stringify({ key: plaintext, instanceId: company.I1 }) })
  for (let asked = 0; asked < maxFailureLines + 20; asked++) expect((await verify()).status).toBe(503)
  fail.mockRestore()
  expect(lines('keys could not be looked up for verification')).toHaveLength(1)
  expect(await grown(before, 'verifications_undecided_total{reason="failed"}')).toBe(maxFailureLines + 20)
})

test('an identity provider out of reach is ten lines a minute, and what was left out is told when the server stops', async () => {
  const provider = { AUTH_JWKS_URL: 'http://127.0.0.1:9/jwks', AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' }
  const alone = await startServer(provider)
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const authorization = `Bearer ${part({ alg: 'RS256', kid: 'x' })}.${part({ sub: 'x' })}.eA`
  for (let asked = 0; asked < maxFailureLines + 4; asked++) expect((await alone.post({ query: '{ apps { id } }' }, { authorization })).status).toBe(200)
  const message = 'the keys of the identity provider could not be read'
  expect(alone.log.filter((line) => line.message === message)).toHaveLength(maxFailureLines)
  await alone.close()
  expect(alone.log.at(-1)).toMatchObject({ level: 'warn', message: 'lines were left out', fields: { of: message, leftOut: 4 } })
})

describe('what the log remembers', () => {
  const clock = { now: () => new Date(0) }
  const nobody = async () => {
    const written: { fields: { count?: number; leftOut?: number }; message: string }[] = []
    const write = (fields: object, message: string): void => void written.push({ fields, message })
    const metered = createMetrics(clock)
    const log = createSampledLog({ info: write, warn: write, error: write }, clock, metered.port)
    return { written, log, refused: createRefused(log, metered.port), text: metered.text }
  }

  test('refusals from fifty thousand addresses are a bounded number of lines, none is lost to the numbers', async () => {
    const { written, log, refused, text } = await nobody()
    for (let from = 0; from < 50_000; from++) {
      withRequest(() => refused('UNAUTHENTICATED', undefined), null, `address ${from}`)
      if (from % 100 === 0) await Promise.resolve()
    }
    log.close()
    expect(written.length).toBeLessThanOrEqual(maxCauses + maxRefusalLines + 1)
    const told = written.reduce((sum, { fields, message }) => sum + (message === 'refused' ? (fields.count ?? 1) : (fields.leftOut ?? 0)), 0)
    expect(told).toBe(50_000)
    expect(await text()).toContain('aura_keys_refusals_total{code="UNAUTHENTICATED"} 50000')
  })

  test('a failure that is like no other of the minute is written with its stack, however many others there were', async () => {
    const { written, log } = await nobody()
    for (let failed = 0; failed < 1_000; failed++) log.error({ error: 'Error', stack: ['    at one (a.ts:1)'] }, 'an operation failed')
    log.error({ error: 'Error', stack: ['    at another (b.ts:1)'] }, 'an operation failed')
    log.error({ error: 'TypeError', stack: ['    at one (a.ts:1)'] }, 'an operation failed')
    await Promise.resolve()
    expect(written.map(({ fields }) => fields)).toEqual([
      { error: 'Error', stack: ['    at one (a.ts:1)'], count: 1_000 },
      { error: 'Error', stack: ['    at another (b.ts:1)'] },
      { error: 'TypeError', stack: ['    at one (a.ts:1)'] },
    ])
  })
})
