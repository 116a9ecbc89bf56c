import { expect, test } from 'vitest'
import { AuraError } from '../../src/errors.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { companyOfFile } from '../support/file-server.ts'
import { newSeed, seededRandom } from '../support/random.ts'
import { recount } from '../support/recount.ts'

const { server, company } = await companyOfFile()

const seed = newSeed()

test(`CF-18 a thousand creates, revokes and deletions at once lose nothing and contradict nothing (seed ${seed})`, async () => {
  const { ports } = server.app
  const next = seededRandom(seed)
  const instances = { a: [company.I1, company.I2], b: [company.J1] }
  const keys: { organization: 'a' | 'b'; id: string }[] = []
  const owners = { a: company.members.ownA, b: company.members.ownB }
  const unexpected: unknown[] = []
  let calls = 0

  const once = async (): Promise<void> => {
    const organization = next() < 0.6 ? 'a' : 'b'
    const owner = owners[organization]
    const dice = next()
    const pick = <Item>(list: readonly Item[]): Item => list[Math.floor(next() * list.length)] as Item
    if (dice < 0.62) {
      const { keyId } = await createApiKey(ports, owner, { instanceId: pick(instances[organization]), name: 'raced', expiresInDays: 30 })
      keys.push({ organization, id: keyId })
    } else if (dice < 0.94) {
      const known = keys.filter((key) => key.organization === organization)
      if (known.length > 0) await revokeApiKeys(ports, owner, { ids: [...new Set([pick(known).id, pick(known).id])], acknowledged: true })
    } else {
      const appId = organization === 'a' ? company.appId : company.otherAppId
      const { instanceId } = await createAppInstance(ports, owner, { appId, name: 'next' })
      instances[organization].push(instanceId)
      await deleteAppInstance(ports, owner, { id: instances[organization].shift() as string, acknowledged: true })
    }
  }
  const worker = async (): Promise<void> => {
    while (calls < 1_000) {
      calls++
      await once().catch((error: unknown) => {
        // A create that came after its instance's deletion is refused; nothing else may fail.
        if (!(error instanceof AuraError && error.extensions.code === 'CONFLICT')) unexpected.push(error)
      })
    }
  }
  await Promise.all(Array.from({ length: 16 }, worker))

  expect(unexpected).toEqual([])
  expect(keys.length).toBeGreaterThan(200)
  const active = await server.sql(
    "SELECT k.id FROM api_key k JOIN app_instance i ON i.id = k.instance_id WHERE k.status = 'ACTIVE' AND i.deleted_at IS NOT NULL",
  )
  expect(active).toEqual([])

  const versions = await server.sql<{ organization_id: string; events: bigint; first: bigint; last: bigint; version: bigint }>(`
    SELECT e.organization_id, count(*) AS events, min(e.version) AS first, max(e.version) AS last, o.version
    FROM event e JOIN organization o ON o.id = e.organization_id GROUP BY e.organization_id, o.version`)
  expect(versions).toHaveLength(2)
  for (const { events, first, last, version } of versions) expect({ first, last, events }).toEqual({ first: 1n, last: version, events: version })

  // One event for each state that a key came to.
  const [told] = await server.sql<Record<string, bigint>>(`
    SELECT (SELECT count(*) FROM api_key) - (SELECT count(*) FROM event WHERE kind = 'API_KEY_CREATED') AS created,
      (SELECT count(*) FROM api_key WHERE revoked_at IS NOT NULL) - (SELECT count(*) FROM event WHERE kind = 'API_KEY_REVOKED') AS revoked,
      (SELECT count(*) FROM api_key WHERE orphan_reason IS NOT NULL) - (SELECT count(*) FROM event WHERE kind = 'API_KEY_ORPHANED') AS orphaned,
      (SELECT count(*) FROM event WHERE kind = 'API_KEY_REVOKED') - (SELECT count(DISTINCT api_key_id) FROM event WHERE kind = 'API_KEY_REVOKED') AS twice`)
  expect(told).toEqual({ created: 0n, revoked: 0n, orphaned: 0n, twice: 0n })

  expect(await recount(server)).toEqual([])
})
