import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { AuraError } from '../../src/errors.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { type Company, createCompany } from '../support/company.ts'
import { startServer, type TestServer, waitingForLocks } from '../support/server.ts'

let server: TestServer
/** Changes of one node wait for each other in its process; those of this one wait for the lock. */
let other: TestServer
let company: Company

beforeAll(async () => {
  server = await startServer()
  other = await server.node()
  company = await createCompany(server)
})
afterAll(async () => {
  await other.close()
  await server.close()
})

test('a create that waits behind the deletion of its instance sees the deletion', async () => {
  const { ports } = server.app
  const { ownA } = company.members
  const { instanceId } = await createAppInstance(ports, ownA, { appId: company.appId, name: 'doomed' })
  let waiting: Promise<unknown> = Promise.resolve()
  await ports.change(ownA.organizationId, async ({ instances, now }) => {
    // It begins while the instance is there and the lock is held, and can go on only after the commit.
    waiting = createApiKey(other.app.ports, ownA, { instanceId, name: 'late', expiresInDays: 1 }).catch((error: unknown) => error)
    const queued = vi.waitFor(async () => {
      if (server.app.database.kind === 'pglite') return
      expect(await server.sql(waitingForLocks)).not.toEqual([])
    }, 20_000)
    await Promise.race([waiting, queued])
    await instances.markDeleted(instanceId, now)
  })
  expect((await waiting) as AuraError).toMatchObject({ extensions: { code: 'CONFLICT' } })
  expect(await server.sql('SELECT 1 FROM api_key WHERE instance_id = $1', instanceId)).toEqual([])
})

test('EV-08 a change that fails after its event was recorded leaves neither rows nor event nor version', async () => {
  const { ports } = server.app
  const { ownA } = company.members
  const state = () =>
    server.sql(
      'SELECT version, (SELECT count(*) FROM event) AS events, (SELECT count(*) FROM app) AS apps FROM organization WHERE id = $1',
      ownA.organizationId,
    )
  const before = await state()
  const failing = ports.change(ownA.organizationId, async ({ apps, now, record }) => {
    await apps.insert({ id: 'app_lost', organizationId: ownA.organizationId, slug: 'lost', name: 'lost', createdAt: now })
    record({ kind: 'APP_CREATED', subjectName: 'lost', actorId: ownA.memberId, appId: 'app_lost' })
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  expect(await state()).toEqual(before)
})

test('a change that cannot have its organization in time is UNAVAILABLE, and the next one succeeds', async () => {
  const { ports } = server.app
  const { ownA, ownB } = company.members
  if (server.app.database.kind === 'pglite') {
    // One connection: whoever comes second waits, and nobody holds an organization from outside.
    await Promise.all([company.createKey('ownA', company.I1), company.createKey('ownA', company.I1)])
    return
  }
  await ports.change(ownA.organizationId, async () => {
    const started = performance.now()
    const refused = await createApiKey(other.app.ports, ownA, { instanceId: company.I1, name: 'x', expiresInDays: 1 }).catch((error: unknown) => error)
    expect(refused).toMatchObject({ extensions: { code: 'UNAVAILABLE' } })
    expect(performance.now() - started).toBeGreaterThan(1_500)
    await createApiKey(ports, ownB, { instanceId: company.J1, name: 'x', expiresInDays: 1 })
  })
  await company.createKey('ownA', company.I1)
})
