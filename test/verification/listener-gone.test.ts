import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { RevokeApiKeyDocument } from '../generated/operations.ts'
import { as, type Company, createCompany } from '../support/company.ts'
import { startProxy, type TcpProxy } from '../support/proxy.ts'
import { dataOf, startServer, type TestServer } from '../support/server.ts'

const onPostgres = process.env['TEST_STORE'] === 'postgresql'

let server: TestServer
let company: Company
let proxy: TcpProxy | null = null

beforeAll(async () => {
  server = await startServer()
  company = await createCompany(server)
  if (onPostgres) proxy = await startProxy(server.app.config.DATABASE_URL ?? '')
})
afterAll(async () => {
  await proxy?.stop()
  await server.close()
})

/** What another node says of a key before and after it was revoked; it listens through the proxy, and reads past it. */
async function revokedBeside(node: TestServer): Promise<string[]> {
  const { id, plaintext } = await company.createKey('devA', company.I1)
  const before = await node.verify(plaintext, company.I1)
  dataOf(await server.graphql(RevokeApiKeyDocument, { input: { id, acknowledged: true } }, as('devA')))
  return [before.code, (await node.verify(plaintext, company.I1)).code]
}

for (const when of ['from the start', 'later'] as const) {
  for (const fault of ['cut', 'swallow'] as const) {
    test(`VF-20 a node whose listening connection fails (${fault}) ${when} verifies as before`, async () => {
      proxy?.restore()
      if (when === 'from the start') proxy?.[fault]()
      const node = await server.node(proxy ? { DATABASE_LISTEN_URL: proxy.url } : {})
      try {
        if (when === 'later') {
          // The embedded database has one process, with nobody to listen to.
          await vi.waitFor(() => expect(node.isListening()).toBe(onPostgres ? true : null), 20_000)
          proxy?.[fault]()
        }
        expect(await revokedBeside(node)).toEqual(['VALID', 'REVOKED'])
        await vi.waitFor(() => expect(node.isListening()).toBe(onPostgres ? false : null), 20_000)
        expect(await revokedBeside(node)).toEqual(['VALID', 'REVOKED'])
      } finally {
        proxy?.restore()
        await node.close()
      }
    })
  }
}
