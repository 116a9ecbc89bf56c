import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, createCompany } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'

const portal = 'https://portal.example'
const desk = 'https://desk.example:8443'
const configured: Record<string, string[]> = { 'no origin': [], 'one origin': [portal], 'two origins': [portal, desk] }
const strangers = [
  'https://evil.example',
  'null',
  `${portal}.evil.example`,
  'https://evil.example/https://portal.example',
  'http://portal.example',
  `${portal}:444`,
  `${portal},${desk}`,
]

for (const [name, allowed] of Object.entries(configured)) {
  describe(`with ${name} configured`, () => {
    let server: TestServer
    beforeAll(async () => {
      server = await startServer(allowed.length > 0 ? { ALLOWED_ORIGINS: allowed.join(',') } : {})
      await createCompany(server)
    })
    afterAll(() => server.close())

    const cookie = { cookie: 'session=1' }
    const body = { query: '{ apps { id } }' }
    /** Every kind of request that a browser can make of `/graphql`, and what it must be answered with for the headers to mean something. */
    const requests: Record<string, (origin: Record<string, string>) => Promise<Response>> = {
      POST: (origin) => server.post(body, as('ownA'), { ...cookie, ...origin }),
      'POST without a credential': (origin) => server.post(body, null, { ...cookie, ...origin }),
      'POST that is refused': (origin) => server.post('{', as('ownA'), { ...cookie, ...origin }),
      GET: async (origin) => {
        const authorization = `Bearer ${await server.token('ownA', 'a')}`
        return fetch(`${server.url}/graphql?query=${encodeURIComponent(body.query)}`, {
          headers: { authorization, 'x-graphql-csrf': '1', ...cookie, ...origin },
        })
      },
      OPTIONS: (origin) =>
        fetch(`${server.url}/graphql`, {
          method: 'OPTIONS',
          headers: { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type', ...cookie, ...origin },
        }),
      SSE: (origin) => server.post(body, as('ownA'), { accept: 'text/event-stream', ...cookie, ...origin }),
      'SSE that is refused': (origin) => server.post(body, null, { accept: 'text/event-stream', ...cookie, ...origin }),
    }
    const statuses = { 'POST without a credential': 401, 'POST that is refused': 400, OPTIONS: 204, 'SSE that is refused': 401 } as Record<string, number>
    const access = async (kind: string, origin: Record<string, string>): Promise<Record<string, string>> => {
      // An event stream runs before the browser has read a header, and goes on: pages of other origins open none at all.
      const isClosed = /^(SSE|OPTIONS)/.test(kind) && origin['origin'] !== undefined && !allowed.includes(origin['origin'])
      const response = await (requests[kind] as (origin: Record<string, string>) => Promise<Response>)(origin)
      await response.arrayBuffer()
      expect(response.status, kind).toBe(isClosed ? 403 : (statuses[kind] ?? 200))
      return Object.fromEntries([...response.headers].filter(([header]) => header.startsWith('access-control-')))
    }

    for (const kind of Object.keys(requests)) {
      test(`HP-05 ${kind}: what is not of the list gets no header that lets a browser read the answer`, async () => {
        for (const origin of [...strangers, ...[portal, desk].filter((each) => !allowed.includes(each))]) {
          expect([origin, await access(kind, { origin })]).toEqual([origin, {}])
        }
        expect(await access(kind, {})).toEqual({})
      })

      if (allowed.length === 0) continue
      test(`HP-05 ${kind}: each of the list gets its own name, and never a credential`, async () => {
        for (const origin of allowed) {
          const headers = await access(kind, { origin })
          expect(headers['access-control-allow-origin']).toBe(origin)
          expect(headers['access-control-allow-credentials'] ?? 'false').toBe('false')
          if (kind === 'OPTIONS') {
            expect(headers['access-control-allow-methods']?.split(/, ?/).sort()).toEqual(['GET', 'POST'])
            expect(headers['access-control-allow-headers']).toContain('authorization')
          }
        }
      })
    }
  })
}
