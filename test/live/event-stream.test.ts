import { get as httpGet } from 'node:http'
import { beforeAll, expect, test, vi } from 'vitest'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { ApiKeyChangedDocument, KeyCountsDocument } from '../generated/operations.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: '3', ALLOWED_ORIGINS: 'https://portal.example' })
let authorization: string

beforeAll(async () => {
  authorization = `Bearer ${await server.token('ownA', 'a')}`
})

interface Event {
  event: string
  id?: string
  data: string
}

/** Opens a stream and reads it event by event. */
async function open(body: object, headers: Record<string, string> = {}) {
  const leaving = new AbortController()
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization, ...headers },
    body: JSON.stringify(body),
    signal: leaving.signal,
  })
  async function* read(): AsyncGenerator<Event> {
    let text = ''
    for await (const part of response.body ?? []) {
      text += Buffer.from(part).toString()
      for (let cut = text.indexOf('\n\n'); cut >= 0; cut = text.indexOf('\n\n')) {
        const lines = text.slice(0, cut).split('\n')
        text = text.slice(cut + 2)
        const of = (name: string): string | undefined =>
          lines
            .find((line) => line.startsWith(`${name}:`))
            ?.slice(name.length + 1)
            .trim()
        const [event, id, data] = [of('event'), of('id'), of('data')]
        if (event !== undefined) yield { event, data: data ?? '', ...(id === undefined ? {} : { id }) }
      }
    }
  }
  const events = read()
  const next = async (): Promise<Event> => (await events.next()).value as Event
  return { response, next, leave: () => leaving.abort() }
}
const version = async (): Promise<number> => Number(await server.app.ports.organizations.version(company.members.ownA.organizationId))

test('each event has its version as its id, and Last-Event-ID goes on from there, whatever the argument says', async () => {
  const after = await version()
  const query = 'subscription ($after: Version) { apiKeyChanged(after: $after) { kind } }'
  for (let made = 0; made < 4; made++) await company.createKey('ownA', company.I1)
  const first = await open({ query, variables: { after } })
  expect(first.response.headers.get('content-type')).toContain('text/event-stream')
  const seen = [await first.next(), await first.next()]
  expect(seen.map(({ event, id }) => [event, id])).toEqual([
    ['next', String(after + 1)],
    ['next', String(after + 2)],
  ])
  first.leave()
  const again = await open({ query, variables: { after } }, { 'last-event-id': seen[1]?.id ?? '' })
  expect([(await again.next()).id, (await again.next()).id]).toEqual([String(after + 3), String(after + 4)])
  again.leave()
  // What is no version is refused before a stream opens; one of the future as the argument would be.
  for (const id of ['abc', '-1', '1.5', '1 OR 1=1', '9'.repeat(16)]) {
    const { response } = await open({ query, variables: { after } }, { 'last-event-id': id })
    expect([response.status, await response.json()]).toMatchObject([400, { errors: [{ extensions: { code: 'QUERY_REJECTED' } }] }])
  }
  const future = await open({ query }, { 'last-event-id': String((await version()) + 5) })
  expect(JSON.parse((await future.next()).data)).toMatchObject({ errors: [{ extensions: { code: 'RESYNC' } }] })
  expect((await future.next()).event).toBe('complete')
})

test('counts have their version as id, and a query over a stream is one event and the end', async () => {
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(0), 20_000)
  const counts = await open({ query: KeyCountsDocument.toString(), variables: { instanceId: company.I1 } })
  const { id, data } = await counts.next()
  expect(Number(id)).toBe((JSON.parse(data) as { data: { keyCounts: { version: number } } }).data.keyCounts.version)
  counts.leave()
  const query = await open({ query: '{ apps { slug } }' })
  expect(JSON.parse((await query.next()).data)).toEqual({ data: { apps: [{ slug: 'functions' }] } })
  expect((await query.next()).event).toBe('complete')
})

test('WS-10 streams and sockets of a member are counted together; one more is refused', async () => {
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(0), 20_000)
  const body = { query: KeyCountsDocument.toString(), variables: { instanceId: company.I1 } }
  const streams = [await open(body), await open(body), await open(body)]
  for (const stream of streams) await stream.next()
  const refused = await open(body)
  expect([refused.response.status, await refused.response.json()]).toEqual([
    429,
    { errors: [expect.objectContaining({ extensions: { code: 'RATE_LIMITED', retryAfterMs: 1_000 } })] },
  ])
  streams[0]?.leave()
  await vi.waitFor(async () => {
    const again = await open(body)
    expect(again.response.status).toBe(200)
    again.leave()
  }, 20_000)
  for (const stream of streams) stream.leave()
})

test('DS-18 what is too long, no JSON, too deep, or not allowed is refused before a stream opens', async () => {
  const status = async (body: string, headers: Record<string, string> = {}): Promise<[number, string]> => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization, ...headers },
      body,
    })
    return [response.status, ((await response.json()) as { errors: { extensions: { code: string } }[] }).errors[0]?.extensions.code ?? '']
  }
  expect(await status(' '.repeat(100_001))).toEqual([413, 'QUERY_REJECTED'])
  for (const body of ['', '{', '[]', 'null', '{"query":1}', '{"query":"subscription { keyCounts { total } }","variables":[]}'])
    expect(await status(body)).toEqual([400, 'QUERY_REJECTED'])
  expect(await status('{}', { 'content-type': 'text/plain' })).toEqual([415, 'QUERY_REJECTED'])
  const deep = `{ apps ${'{ instances { edges { node { app '.repeat(4)} { id } ${'} } } }'.repeat(4)} }`
  expect(await status(JSON.stringify({ query: deep }))).toEqual([400, 'QUERY_REJECTED'])
  expect(await status(JSON.stringify({ query: 'subscription { keyCounts { total } }' }), { authorization: 'Bearer x' })).toEqual([401, 'UNAUTHENTICATED'])
  const allowed = await open({ query: '{ apps { id } }' }, { origin: 'https://portal.example' })
  expect(allowed.response.headers.get('access-control-allow-origin')).toBe('https://portal.example')
})

test('WS-07 HP-05 a page of a foreign origin, or of none that has a name, reads no events', async () => {
  const body = { query: KeyCountsDocument.toString(), variables: { instanceId: company.I1 } }
  for (const origin of ['https://evil.example', 'null', 'https://portal.example.evil.example', `${server.url}.evil.example`, 'http://127.0.0.1']) {
    const { response } = await open(body, { origin, cookie: 'session=1' })
    expect([origin, response.status]).toEqual([origin, 403])
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
    expect(await response.json()).toEqual({ errors: [expect.objectContaining({ extensions: { code: 'QUERY_REJECTED' } })] })
  }
  expect(server.app.ports.hub.size).toBe(0)
  for (const origin of ['https://portal.example', server.url, undefined]) {
    const stream = await open(body, origin === undefined ? {} : { origin })
    expect(stream.response.status).toBe(200)
    expect((await stream.next()).event).toBe('next')
    stream.leave()
  }
})

test('WS-16 a subscription that fails inside is masked and ends, and the next one is as if nothing had been', async () => {
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(0), 20_000)
  const body = { query: KeyCountsDocument.toString(), variables: { instanceId: company.I1 } }
  const stream = await open(body)
  expect((await stream.next()).event).toBe('next')
  await server.app.database.client.$executeRawUnsafe('ALTER TABLE key_count RENAME TO key_count_gone')
  await setInstanceAccess(server.app.ports, company.members.ownA, { instanceId: company.I1, memberId: company.members.viewA.memberId, role: 'USER' })
  const failed = await stream.next()
  const after = await stream.next()
  await server.app.database.client.$executeRawUnsafe('ALTER TABLE key_count_gone RENAME TO key_count')
  expect(JSON.parse(failed.data)).toMatchObject({ data: null, errors: [{ extensions: { code: 'INTERNAL' } }] })
  expect(failed.data).not.toContain('key_count')
  expect(after).toEqual({ event: 'complete', data: '' })
  const again = await open(body)
  expect(JSON.parse((await again.next()).data)).toMatchObject({ data: { keyCounts: { total: expect.any(Number) } } })
  again.leave()
})

test('HP-02 a mutation by GET is refused on a stream too', async () => {
  const query = 'mutation { createApp(input: { slug: "by-get", name: "x" }) { app { id } } }'
  const headers = { accept: 'text/event-stream', authorization, 'x-graphql-csrf': '1' }
  expect((await fetch(`${server.url}/graphql?${new URLSearchParams({ query })}`, { headers })).status).toBe(405)
  expect(await server.sql("SELECT 1 FROM app WHERE slug = 'by-get'")).toEqual([])
  expect((await fetch(`${server.url}/graphql?${new URLSearchParams({ query: '{ apps { id } }' })}`, { headers: { accept: 'text/event-stream' } })).status).toBe(
    400,
  )
})

test('a reader that stops reading takes no memory, and its end is noticed', async () => {
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(0), 20_000)
  const after = await version()
  const search = new URLSearchParams({ query: ApiKeyChangedDocument.toString(), variables: JSON.stringify({ after }) })
  const request = httpGet(`${server.url}/graphql?${search}`, { headers: { accept: 'text/event-stream', authorization, 'x-graphql-csrf': '1' } })
  request.on('error', () => undefined)
  await new Promise<void>((resolve) =>
    request.once('response', (response) => {
      response.pause()
      resolve()
    }),
  )
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(1), 20_000)
  for (let made = 0; made < 20; made++) await company.createKey('ownA', company.I1)
  const quick = await open({ query: ApiKeyChangedDocument.toString(), variables: { after } })
  for (let seen = 1; seen <= 20; seen++) expect((await quick.next()).id).toBe(String(after + seen))
  quick.leave()
  request.destroy()
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(0), 20_000)
})
