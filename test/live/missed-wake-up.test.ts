import { expect, test, vi } from 'vitest'
import { createChange } from '../../src/change/change.ts'
import { createChangeBy } from '../../src/change/change-by.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { ApiKeyChangedDocument, type ApiKeyChangedSubscription } from '../generated/operations.ts'
import { companyOfFile } from '../support/file-server.ts'
import { lines } from '../support/line.ts'

const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })

for (const [transport, open] of Object.entries(lines)) {
  test(`EV-07 an event that somebody else made the node examine first, before any hint or poll, reaches who follows over ${transport}`, async () => {
    const { ownA } = company.members
    const { ports, database } = server.app
    const version = async (): Promise<number> => Number(await ports.organizations.version(ownA.organizationId))
    /** As on another node, of which no hint arrives. */
    const elsewhere = { ...ports, changeBy: createChangeBy(ports, createChange(database, ports.clock, { changed: () => undefined, denied: () => undefined })) }
    const authorization = `Bearer ${await server.token('ownA', 'a')}`
    const begin = await version()
    const follow = (after: number) => open<ApiKeyChangedSubscription>(server, ApiKeyChangedDocument.toString(), { after }, authorization)
    const feed = follow(begin)
    await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(1), { timeout: 10_000 })
    const made: string[] = []
    for (let turn = 0; turn < 5; turn++) {
      made.push((await createApiKey(elsewhere, ownA, { instanceId: company.I1, name: 'unheard of', expiresInDays: 1 })).keyId)
      // Whoever goes on from this version makes the node look for it.
      const other = follow(await version())
      await vi.waitFor(() => expect(feed.answers.map(({ data }) => data?.apiKeyChanged.apiKey.id)).toEqual(made), { timeout: 10_000 })
      other.leave()
    }
    feed.leave()
    await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(0), { timeout: 10_000 })
  })
}
