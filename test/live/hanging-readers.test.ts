import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { ApiKeyChangedDocument, type ApiKeyChangedSubscription } from '../generated/operations.ts'
import { companyOfFile } from '../support/file-server.ts'
import { type Line, lines } from '../support/line.ts'

const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })

/** So many changes of keys of organization `b`: keys are made by SQL, and revoked a hundred at a time. */
async function change(count: number): Promise<void> {
  const keys = await server.sql<{ id: string }>(
    `INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at)
     SELECT 'key_' || substr(md5(random()::text || n), 1, 26), i.organization_id, i.app_id, i.id, $2, repeat('b', 64), 'hint', now(), now() + interval '9 days'
     FROM app_instance i, generate_series(1, $3::int) n WHERE i.id = $1 RETURNING id`,
    company.J1,
    company.members.ownB.memberId,
    count,
  )
  for (let from = 0; from < keys.length; from += 100) {
    // Who sends requests leaves the process its turns in between; the embedded database by itself leaves none.
    await yieldToOthers()
    await revokeApiKeys(server.app.ports, company.members.ownB, { ids: keys.slice(from, from + 100).map(({ id }) => id), acknowledged: true })
  }
}

/** Three thousand bytes for each event, so that what waits could not hide in the system's buffers. */
const large = `subscription { apiKeyChanged { version apiKey { id ${Array.from({ length: 40 }, (_, index) => `n${index}: name`).join(' ')} } } }`

for (const [transport, open] of Object.entries(lines)) {
  test(`twenty who hang over ${transport} while 5,000 keys change cost little memory, and another organization is told all of its own`, async () => {
    const ofB = `Bearer ${await server.token('ownB', 'b')}`
    const hanging: Line<ApiKeyChangedSubscription>[] = Array.from({ length: 20 }, () => open(server, large, {}, ofB))
    await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(20), { timeout: 20_000 })
    for (const line of hanging) line.pause()
    const after = Number(await server.app.ports.organizations.version(company.members.ownA.organizationId))
    const ofA = `Bearer ${await server.token('ownA', 'a')}`
    const feeds = Object.values(lines).map((each) => each<ApiKeyChangedSubscription>(server, ApiKeyChangedDocument.toString(), { after }, ofA))
    const before = process.memoryUsage().rss

    let isChanging = true
    const changing = change(5_000).finally(() => {
      isChanging = false
    })
    // Who hangs for too long is sent away, to come back and go on from the last version. They read that at once, however long the changes take: a
    // socket that answers no ping counts as dead soon after.
    const sentAway = vi
      .waitFor(() => expect(server.app.ports.hub.size).toBe(2), { timeout: 60_000, interval: 100 })
      .then(() => {
        for (const line of hanging) line.resume()
        return Promise.all(hanging.map((line) => line.ended))
      })
    const made: string[] = []
    let meanwhile = 0
    while (isChanging || made.length < 5) {
      made.push((await company.createKey('ownA', company.I1)).id)
      await vi.waitFor(() => {
        for (const { answers } of feeds) expect(answers.map(({ data }) => data?.apiKeyChanged.apiKey.id)).toEqual(made)
      }, 30_000)
      if (isChanging) meanwhile++
    }
    await changing
    // While the others hung and their keys changed, these were told.
    expect(meanwhile).toBeGreaterThan(0)
    // Unbounded it would be 350 megabytes: 64 kilobytes each are, and what executing takes.
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000)
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200)

    expect(new Set(await sentAway)).toEqual(new Set([transport === 'SSE' ? 'broken off' : 1013]))
    for (const { answers, texts } of hanging) {
      const versions = answers.map(({ data }) => data?.apiKeyChanged.version ?? Number.NaN)
      expect(versions.length).toBeGreaterThan(0)
      expect(versions.length).toBeLessThan(5_000)
      expect(versions).toEqual(Array.from(versions, (_, index) => (versions[0] ?? 0) + index))
      for (const id of made) expect(texts.some((text) => text.includes(id))).toBe(false)
    }
    for (const { answers } of feeds) expect(answers.map(({ data }) => data?.apiKeyChanged.apiKey.id)).toEqual(made)
    for (const feed of feeds) feed.leave()
    await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(0), { timeout: 20_000 })
    expect(server.log.filter(({ level }) => level === 'error')).toEqual([])
  }, 180_000)
}

test('twenty who read thousands of past events, each for themselves, hold up no event of another organization', async () => {
  const { organizationId } = company.members.ownB
  const after = Number(await server.app.ports.organizations.version(organizationId)) - 5_000
  const query = 'subscription ($after: Version) { apiKeyChanged(after: $after) { version apiKey { id viewerCanRevoke } } }'
  // What one may revoke depends on who asks, so nobody shares with anybody.
  const replays: Line[] = []
  const ofB = `Bearer ${await server.token('ownB', 'b')}`
  const ofA = `Bearer ${await server.token('ownA', 'a')}`
  const live = lines.WebSocket<ApiKeyChangedSubscription>(server, ApiKeyChangedDocument.toString(), {}, ofA)
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(1), { timeout: 20_000 })
  for (let opened = 0; opened < 20; opened++) replays.push((opened % 2 === 0 ? lines.WebSocket : lines.SSE)(server, query, { after }, ofB))
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(21), { timeout: 20_000 })
  const isDone = ({ answers }: Line): boolean => answers.length >= 5_000
  const key = await company.createKey('ownA', company.I1)
  await vi.waitFor(() => expect(live.answers.map(({ data }) => data?.apiKeyChanged.apiKey.id)).toEqual([key.id]), { timeout: 60_000 })
  expect(replays.filter(isDone).length).toBeLessThan(20)
  expect(replays.reduce((sum, { answers }) => sum + answers.length, 0)).toBeLessThan(50_000)
  for (const line of [live, ...replays]) line.leave()
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(0), { timeout: 20_000 })
}, 120_000)
