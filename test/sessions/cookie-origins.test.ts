import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCompany } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { codeFor, openWith, portal, signIn } from '../support/session.ts'

const query = '{ viewer { member { name } } }'
const counts = 'subscription { keyCounts { total } }'
const ally = 'https://ally.example'

for (const [name, publicUrl] of [
  ['as the request says', undefined],
  ['as PUBLIC_URL says', 'https://keys.example'],
] as const) {
  describe(`own origin ${name}`, () => {
    let server: TestServer
    let cookie: string
    let own: string

    beforeAll(async () => {
      server = await startServer({ ALLOWED_ORIGINS: ally, ...(publicUrl === undefined ? {} : { PUBLIC_URL: publicUrl }) })
      await createCompany(server)
      own = publicUrl ?? server.url
      cookie = await signIn(server, 'devA', 'a', { origin: own })
    })
    afterAll(() => server.close())

    const ways: Record<string, (headers: Record<string, string>) => Promise<boolean>> = {
      POST: async (headers) => (await server.post({ query }, null, headers)).status === 200,
      GET: async (headers) =>
        (await fetch(`${server.url}/graphql?${new URLSearchParams({ query })}`, { headers: { 'x-graphql-csrf': '1', ...headers } })).status === 200,
      'event stream': async (headers) => {
        const response = await server.post({ query: counts }, null, { accept: 'text/event-stream', ...headers })
        await response.body?.cancel()
        return response.status === 200
      },
      'event stream by GET': async (headers) => {
        const response = await fetch(`${server.url}/graphql?${new URLSearchParams({ query: counts })}`, {
          headers: { accept: 'text/event-stream', 'x-graphql-csrf': '1', ...headers },
        })
        await response.body?.cancel()
        return response.status === 200
      },
      WebSocket: async (headers) => {
        const { outcome, socket } = await openWith(server, headers)
        socket.terminate()
        return outcome === 'connection_ack'
      },
    }

    /** Requests with a cookie, and whether it counts. */
    const requests = (): [headers: Record<string, string>, counts: boolean][] => {
      const { host, port } = new URL(server.url)
      return [
        [{ origin: own }, true],
        [{ origin: own, 'sec-fetch-site': 'same-origin' }, true],
        [{ 'sec-fetch-site': 'same-origin' }, true],
        [{}, false],
        [{ 'sec-fetch-site': 'same-site' }, false],
        [{ 'sec-fetch-site': 'cross-site' }, false],
        [{ 'sec-fetch-site': 'none' }, false],
        [{ origin: 'null' }, false],
        [{ origin: 'https://evil.example' }, false],
        [{ origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }, false],
        [{ origin: ally }, false],
        [{ origin: `${own}.evil.example` }, false],
        [{ origin: `http://127.0.0.1:${Number(port) + 1}` }, false],
        [{ origin: `http://localhost:${port}` }, false],
        [{ origin: own.startsWith('https') ? own.replace('https', 'http') : own.replace('http', 'https') }, false],
        // What a stranger can say about itself decides nothing.
        [{ origin: 'https://evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example' }, false],
        ...(publicUrl === undefined ? [] : [[{ origin: `http://${host}` }, false] as [Record<string, string>, boolean]]),
      ]
    }

    for (const [way, send] of Object.entries(ways)) {
      test(`SE-05 ${way}: the cookie counts from a page of this server, and from nowhere else`, async () => {
        for (const [headers, counts] of requests()) expect([headers, await send({ ...headers, cookie })]).toEqual([headers, counts])
      })

      test(`SE-06 ${way}: a token wins over the cookie, and they are never mixed`, async () => {
        const authorization = `Bearer ${await server.token('nobody', 'a')}`
        const mark = { 'x-graphql-csrf': '1' }
        expect(await send({ origin: own, cookie, authorization, ...mark })).toBe(false)
        expect(await send({ origin: own, cookie, authorization: 'Basic eDp5', ...mark })).toBe(false)
      })
    }

    test('SE-06 WebSocket: a token in connection_init wins over the cookie', async () => {
      for (const [authorization, expected] of [
        [`Bearer ${await server.token('nobody', 'a')}`, '4403'],
        [`Bearer ${await server.token('ownA', 'a')}`, 'connection_ack'],
        ['', '4403'],
        [5, '4403'],
        [{}, '4403'],
        [['x'], '4403'],
        [null, 'connection_ack'],
      ] as const) {
        const { outcome, socket } = await openWith(server, { origin: own, cookie }, { authorization })
        socket.terminate()
        expect(outcome).toBe(expected)
      }
    })

    test('SE-04 the cookie has the flags and the name of what people see', async () => {
      const response = await portal(server, 'POST', 'session', { origin: own }, { code: codeFor(server, 'devA') })
      const [pair = '', ...flags] = (response.headers.get('set-cookie') ?? '').split('; ')
      const isHttps = own.startsWith('https:')
      expect(flags.sort()).toEqual(['HttpOnly', 'Max-Age=604800', 'Path=/', 'SameSite=Strict', ...(isHttps ? ['Secure'] : [])])
      expect(pair.replace(/=.*/, '')).toBe(`${isHttps ? '__Host-' : ''}aura-keys-session-${server.app.installation}`)
      // The other name is that of a cookie which a page without TLS, or of another host of the domain, could set.
      const other = isHttps ? pair.replace('__Host-', '') : `__Host-${pair}`
      expect((await server.post({ query }, null, { origin: own, cookie: pair })).status).toBe(200)
      expect((await server.post({ query }, null, { origin: own, cookie: other })).status).toBe(401)
    })

    test('SE-05 ALLOWED_ORIGINS count for tokens, and own pages for both', async () => {
      const authorization = `Bearer ${await server.token('devA', 'a')}`
      for (const [way, send] of Object.entries(ways)) {
        if (way === 'WebSocket') continue
        expect([way, await send({ origin: ally, authorization, cookie })]).toEqual([way, true])
      }
      const { outcome, socket } = await openWith(server, { origin: ally, cookie }, { authorization })
      socket.terminate()
      expect(outcome).toBe('connection_ack')
      const preflight = await fetch(`${server.url}/graphql`, { method: 'OPTIONS', headers: { origin: ally, 'access-control-request-method': 'POST' } })
      expect(preflight.headers.get('access-control-allow-credentials') ?? 'false').toBe('false')
    })

    test('SE-05 a mutation by GET is refused with a cookie too, and a GET needs a header that forms cannot send', async () => {
      const mutation = new URLSearchParams({ query: 'mutation { createApp(input: { slug: "x", name: "x" }) { __typename } }' })
      const headers = { 'sec-fetch-site': 'same-origin', cookie }
      expect((await fetch(`${server.url}/graphql?${mutation}`, { headers: { ...headers, 'x-graphql-csrf': '1' } })).status).toBe(405)
      expect((await fetch(`${server.url}/graphql?${new URLSearchParams({ query })}`, { headers })).status).toBe(400)
      const form = await server.post(`query=${query}`, null, { ...headers, 'content-type': 'application/x-www-form-urlencoded' })
      expect(form.status).toBe(415)
    })

    test('SE-05 the refused origin and host are logged', async () => {
      server.log.length = 0
      await server.post({ query }, null, { origin: 'https://evil.example', cookie })
      const { host } = new URL(server.url)
      expect(server.log.map(({ fields }) => fields)).toContainEqual(expect.objectContaining({ origin: 'https://evil.example', host }))
    })
  })
}
