import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { ApiKeyChangedDocument, type ApiKeyChangedSubscription, KeyCountsDocument, type KeyCountsSubscription } from '../generated/operations.ts'
import { type Company, createCompany } from '../support/company.ts'
import { type Line, lines } from '../support/line.ts'
import { startProxy, type TcpProxy } from '../support/proxy.ts'
import { startServer, type TestServer } from '../support/server.ts'

const onPostgres = process.env['TEST_STORE'] === 'postgresql'

let writer: TestServer
/** Listens through a proxy; everything else of it goes straight to the database. */
let reader: TestServer
let proxy: TcpProxy | null = null
let company: Company

beforeAll(async () => {
  writer = await startServer({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })
  company = await createCompany(writer)
  if (onPostgres) proxy = await startProxy(writer.app.config.DATABASE_URL ?? '')
  reader = await writer.node(proxy ? { DATABASE_LISTEN_URL: proxy.url } : {})
})
afterAll(async () => {
  await reader.close()
  await proxy?.stop()
  await writer.close()
})

const version = async (): Promise<number> => Number(await writer.app.ports.organizations.version(company.members.ownA.organizationId))
/** The embedded database has one process, with nobody to listen to. */
const isListening = (expected: boolean) => vi.waitFor(() => expect(reader.isListening()).toBe(onPostgres ? expected : null), { timeout: 20_000, interval: 100 })

/** Eight events. */
async function change(): Promise<void> {
  for (let made = 0; made < 4; made++) {
    const { id } = await company.createKey('ownA', company.I1)
    await revokeApiKeys(writer.app.ports, company.members.ownA, { ids: [id], acknowledged: true })
  }
}

for (const kind of ['cut', 'swallowed'] as const) {
  describe(`with the listening connection ${kind}`, () => {
    test('EV-07 feeds and counts over either transport get everything that changes by polling, and after it is back, nothing twice', async () => {
      await isListening(true)
      const begin = await version()
      const authorization = `Bearer ${await reader.token('ownA', 'a')}`
      const feeds: Line<ApiKeyChangedSubscription>[] = []
      const counts: Line<KeyCountsSubscription>[] = []
      for (const open of Object.values(lines)) {
        feeds.push(open(reader, ApiKeyChangedDocument.toString(), { instanceId: company.I1, after: begin }, authorization))
        counts.push(open(reader, KeyCountsDocument.toString(), { instanceId: company.I1 }, authorization))
      }
      await vi.waitFor(() => expect(counts.map(({ answers }) => answers.length)).toEqual([1, 1]), { timeout: 20_000 })
      const before = counts[0]?.answers[0]?.data?.keyCounts.revoked ?? Number.NaN
      const everything = async (events: number): Promise<void> => {
        const expected = Array.from({ length: events }, (_, index) => begin + 1 + index)
        await vi.waitFor(
          () => {
            for (const { answers } of feeds) expect(answers.map(({ data }) => data?.apiKeyChanged.version)).toEqual(expected)
            for (const { answers } of counts) expect(answers.at(-1)?.data?.keyCounts).toMatchObject({ revoked: before + events / 2, version: begin + events })
          },
          { timeout: 15_000 },
        )
      }
      await change()
      await everything(8)

      if (kind === 'cut') proxy?.cut()
      else proxy?.swallow()
      await isListening(false)
      await change()
      await everything(16)
      // It is still away: what came was polled.
      expect(reader.isListening()).toBe(onPostgres ? false : null)

      await change()
      proxy?.restore()
      await isListening(true)
      await change()
      await everything(32)
      for (const { answers } of counts) {
        const versions = answers.map(({ data }) => data?.keyCounts.version ?? Number.NaN)
        expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b))
      }
      for (const line of [...feeds, ...counts]) line.leave()
    })
  })
}
