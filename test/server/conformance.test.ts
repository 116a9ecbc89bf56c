import { serverAudits } from 'graphql-http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCompany } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let authorization: string

beforeAll(async () => {
  server = await startServer()
  await createCompany(server)
  authorization = `Bearer ${await server.token('ownA', 'a')}`
})
afterAll(() => server.close())

const audits = serverAudits({
  url: () => `${server.url}/graphql`,
  fetchFn: (url: string, init: RequestInit = {}) => fetch(url, { ...init, headers: { ...(init.headers as Record<string, string>), authorization } }),
})

test('HP-01 there are the audits that there should be', () => {
  expect(audits.length).toBeGreaterThan(55)
})

for (const audit of audits) {
  test(`HP-01 ${audit.id} ${audit.name}`, async () => {
    const result = await audit.fn()
    // A GET here needs a header that no browser sends by itself, which the audits of GET, all of them optional, do not know.
    const optional = /GET/.test(audit.name) && audit.name.startsWith('MAY')
    if (result.status !== 'ok' && !(optional && result.status === 'notice')) throw new Error(`${result.status}: ${result.reason}`)
  })
}
