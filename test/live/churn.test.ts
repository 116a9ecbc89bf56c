import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ApiKeyChangedDocument, KeyCountsDocument } from '../generated/operations.ts'
import { type Company, createCompany } from '../support/company.ts'
import { lines } from '../support/line.ts'
import { startServer, type TestServer } from '../support/server.ts'

/** How many are open at a time. */
const atOnce = 50

let server: TestServer
let company: Company
let authorization: string

beforeAll(async () => {
  // Hardly more places than are open at a time: places that are not given back run out.
  server = await startServer({ WS_MAX_SOCKETS_PER_MEMBER: String(2 * atOnce) })
  company = await createCompany(server)
  authorization = `Bearer ${await server.token('ownA', 'a')}`
})
afterAll(() => server.close())

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
function heapUsed(): number {
  for (let turn = 0; turn < 3; turn++) collect()
  return process.memoryUsage().heapUsed
}

const readings = async (): Promise<Record<string, number>> => {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  const of = (name: string): number => Number(new RegExp(`^aura_keys_${name} (\\d+)`, 'm').exec(text)?.[1])
  return { sockets: of('sockets'), streams: of('event_streams'), subscriptions: of('subscriptions'), groups: of('subscription_groups') }
}
const nothing = { sockets: 0, streams: 0, subscriptions: 0, groups: 0 }

for (const [transport, open] of Object.entries(lines)) {
  /** Opens so many, of which every other one follows a feed, and drops them, while keys change. */
  async function churn(count: number): Promise<void> {
    for (let opened = 0; opened < count; opened += atOnce) {
      const after = Number(await server.app.ports.organizations.version(company.members.ownA.organizationId))
      const batch = Array.from({ length: atOnce }, (_, index) =>
        index % 2 === 0
          ? open(server, KeyCountsDocument.toString(), { instanceId: company.I1 }, authorization)
          : open(server, ApiKeyChangedDocument.toString(), { instanceId: company.I1, after }, authorization),
      )
      const changing = company.createKey('ownA', company.I1)
      await vi.waitFor(() => expect(batch.filter(({ answers }) => answers[0]?.data).length).toBe(atOnce), { timeout: 20_000 })
      await changing
      // Half say goodbye, the others are just gone.
      for (const [index, line] of batch.entries()) {
        if (index % 4 < 2) line.leave()
        else line.close()
      }
      await Promise.all(batch.map((line) => line.ended))
    }
  }

  test(`WS-15 a thousand that come, subscribe and go over ${transport} leave no listener, no place and no memory`, async () => {
    // What is made once and kept, such as statements and compiled code.
    await churn(4 * atOnce)
    await vi.waitFor(async () => expect(await readings()).toEqual(nothing), { timeout: 15_000 })
    const before = heapUsed()
    await churn(1_000)
    await vi.waitFor(async () => expect(await readings()).toEqual(nothing), { timeout: 15_000 })
    expect(server.app.ports.hub.size).toBe(0)
    expect(server.app.ports.hub.followed()).toEqual([])
    // A subscription that stays holds its document, its context and its socket: tens of kilobytes each.
    expect(heapUsed() - before).toBeLessThan(20_000_000)
  }, 120_000)
}
