import { expect, test, vi } from 'vitest'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { KeyCountsDocument, type KeyCountsSubscription } from '../generated/operations.ts'
import { companyOfFile } from '../support/file-server.ts'
import { lines } from '../support/line.ts'

const { server, company } = await companyOfFile()

async function metric(name: string): Promise<number> {
  const line = (await (await fetch(`${server.url}/metrics`)).text()).split('\n').find((each) => each.startsWith(`aura_keys_${name} `))
  return Number(line?.split(' ').at(-1) ?? 0)
}

/** What waits in the system's buffers is nothing that the server sees, so a peer must leave megabytes unread before it is behind. */
const repeated = Array.from({ length: 45 }, (_, index) => `n${index}: name`).join(' ')
const large = `subscription ($ids: [ID!]) { keyCountsOf(instanceIds: $ids) { instance { id ${repeated} } counts { active } } }`

test('SSE says something every 12 seconds while nothing happens, and ends a peer that stopped reading by the next one but one', async () => {
  const { ownA } = company.members
  const ids: string[] = []
  for (let made = 0; made < 50; made++) {
    ids.push((await createAppInstance(server.app.ports, ownA, { appId: company.appId, name: `${made} ${'x'.repeat(60)}`.slice(0, 64) })).instanceId)
  }
  const authorization = `Bearer ${await server.token('ownA', 'a')}`
  const idle = lines.SSE<KeyCountsSubscription>(server, KeyCountsDocument.toString(), { instanceId: company.I2 }, authorization)
  const dead = lines.SSE(server, large, { ids }, authorization)
  await vi.waitFor(() => expect([idle.answers.length, dead.answers.length]).toEqual([1, 1]), { timeout: 10_000 })
  dead.pause()

  // A key on every instance each time, until the server knows that the peer is behind.
  while ((await metric('conflations_total')) === 0) {
    await server.sql(
      `INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at)
       SELECT 'key_' || substr(md5(random()::text || i.id), 1, 26), i.organization_id, i.app_id, i.id, $1, 'many', 'hint', now(), now() + interval '9 days'
       FROM app_instance i WHERE i.id = ANY($2) RETURNING 1`,
      ownA.memberId,
      ids,
    )
    await company.createKey('ownA', ids[0] ?? '')
  }
  expect(await metric('event_streams')).toBe(2)
  const [began, heard, told] = [performance.now(), idle.comments, idle.texts.length]

  await vi.waitFor(() => expect(idle.comments).toBeGreaterThan(heard), { timeout: 30_000 })
  // The promises are 12 and 24 seconds; the machine may be busy with other tests.
  await vi.waitFor(async () => expect(await metric('event_streams')).toBe(1), { timeout: 50_000, interval: 200 })
  expect(performance.now() - began).toBeLessThan(50_000)
  expect(await metric('closes_total{reason="stream_gone"}')).toBe(1)
  await vi.waitFor(() => expect(idle.comments).toBeGreaterThan(heard + 1), { timeout: 30_000 })
  // The one that reads stays, and was told nothing but comments.
  expect(idle.texts).toHaveLength(told)
  expect(server.app.ports.hub.size).toBe(1)
  await company.createKey('ownA', company.I2)
  await vi.waitFor(() => expect(idle.answers.at(-1)?.data?.keyCounts.active).toBe(1), { timeout: 20_000 })
  idle.leave()
  dead.resume()
  expect(await dead.ended).toBe('broken off')
}, 300_000)
