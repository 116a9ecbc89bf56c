import { describe, expect, test } from 'vitest'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { startServer } from '../support/server.ts'

const { server, company } = await companyOfFile({ TRUSTED_PROXIES: '127.0.0.0/8,::1', GATEWAY_TOKEN: 'the token of the gateway' })
const { plaintext: key } = await company.createKey('ownA', company.I1)
const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const gateway = { 'x-aura-gateway-token': 'the token of the gateway' }
const verification = JSON.stringify({ key, instanceId: company.I1 })

type Send = (headers: Record<string, string>, at?: typeof server) => Promise<Response>

/** A request of each kind of route. */
const sends: Readonly<Record<string, Send>> = {
  'an operation': (headers, at = server) => at.post({ query: '{ __typename }' }, as('ownA'), headers),
  'a refused operation': (headers, at = server) => at.post({ query: '{' }, null, headers),
  'an event stream': (headers, at = server) => at.post({ query: '{ __typename }' }, as('ownA'), { accept: 'text/event-stream', ...headers }),
  verification: (headers, at = server) => fetch(`${at.url}/v1/verify`, { method: 'POST', body: verification, headers: { ...gateway, ...headers } }),
  'a refused verification': (headers, at = server) => fetch(`${at.url}/v1/verify`, { method: 'POST', body: verification, headers }),
  authorization: (headers, at = server) => fetch(`${at.url}/v1/authorize?instance=${company.I1}`, { headers: { 'x-api-key': key, ...gateway, ...headers } }),
  'a wrong method': (headers, at = server) => fetch(`${at.url}/v1/verify`, { method: 'PUT', headers }),
  readiness: (headers, at = server) => fetch(`${at.url}/readyz`, { headers }),
  'the portal': (headers, at = server) => fetch(`${at.url}/portal/`, { headers }),
  'nothing there': (headers, at = server) => fetch(`${at.url}/nothing`, { headers }),
}

const idsOf = async (answer: Promise<Response>): Promise<[string | null, string | null]> => {
  const { headers } = await answer
  return [headers.get('x-request-id'), headers.get('traceparent')]
}
const uuid = expect.stringMatching(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/)

describe.each(Object.entries(sends))('%s', (_, send) => {
  test('keeps the request id of a trusted proxy and the trace of its sender', async () => {
    expect(await idsOf(send({ 'x-request-id': 'req:01H.8x/a+b=@_-', traceparent: trace }))).toEqual(['req:01H.8x/a+b=@_-', trace])
    expect(await idsOf(send({}))).toEqual([uuid, null])
  })

  test.each([
    ['an empty one', ''],
    ['a long one', 'x'.repeat(129)],
    ['one with a space', 'a b'],
    ['two of them', 'a, b'],
    ['one with a quote', 'a"b'],
    ['one with other letters', 'ä'],
  ])('gets a new request id instead of %s', async (_name, id) => {
    expect(await idsOf(send({ 'x-request-id': id }))).toEqual([uuid, null])
  })

  test.each([
    ['another version', `ff${trace.slice(2)}`],
    ['a trace of zeros', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
    ['a span of zeros', `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`],
    ['capital letters', trace.toUpperCase()],
    ['more at its end', `${trace}-00`],
  ])('drops a trace with %s', async (_name, traceparent) => {
    expect(await idsOf(send({ traceparent }))).toEqual([uuid, null])
  })
})

test('they stand in the lines of the log', async () => {
  server.log.length = 0
  await sends['a refused verification']?.({ 'x-request-id': 'from-the-proxy', traceparent: trace })
  expect(server.log).toContainEqual(
    expect.objectContaining({ fields: expect.objectContaining({ requestId: 'from-the-proxy', traceId: '4bf92f3577b34da6a3ce929d0e0e4736' }) }),
  )
})

test('without a trusted proxy no request gives itself an id', async () => {
  const alone = await startServer({ GATEWAY_TOKEN: 'the token of the gateway' })
  try {
    for (const [name, send] of Object.entries(sends)) {
      expect([name, ...(await idsOf(send({ 'x-request-id': 'mine', traceparent: trace }, alone)))]).toEqual([name, uuid, trace])
    }
  } finally {
    await alone.close()
  }
})
