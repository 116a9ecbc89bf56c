import { randomBytes } from 'node:crypto'
import { Pool } from 'pg'
import { expect, inject, test } from 'vitest'
import type { Actor } from '../../src/access/actor.ts'
import { createApp } from '../../src/apps/create-app.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { bootstrapOrganization } from '../../src/organizations/bootstrap-organization.ts'
import { startServer } from '../support/server.ts'

const clients = 16
const seconds = 4
const rounds = 3

/** How often per second `once` finishes with all clients at it. */
async function rate(once: (client: number, call: number) => Promise<unknown>): Promise<number> {
  const end = performance.now() + seconds * 1_000
  let calls = 0
  const started = performance.now()
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let call = 0; performance.now() < end; call++) {
        await once(client, call)
        calls++
      }
    }),
  )
  return (calls / (performance.now() - started)) * 1_000
}

test('creates per second', async () => {
  const server = await startServer({ KEY_CREATIONS_PER_MINUTE: '1000000' })
  const { ports } = server.app
  const places: { actor: Actor; instanceId: string }[] = []
  for (let index = 0; index < 50; index++) {
    const ids = await bootstrapOrganization(ports, { slug: `org-${index}`, name: 'x', owner: { subject: 'owner', name: 'Owner' } })
    const actor: Actor = { ...ids, subject: 'owner', role: 'OWNER', organizationVersion: 0n, expiresAt: new Date(Date.now() + 3_600_000) }
    const { appId } = await createApp(ports, actor, { slug: 'app', name: 'app' })
    const { instanceId } = await createAppInstance(ports, actor, { appId, name: 'instance' })
    places.push({ actor, instanceId })
  }
  const create = (place: number) => {
    const { actor, instanceId } = places[place] as (typeof places)[number]
    return createApiKey(ports, actor, { instanceId, name: 'benched', expiresInDays: 1 })
  }
  const pool = new Pool({ connectionString: inject('postgresUrl'), max: clients })
  await pool.query('CREATE TABLE bare (id text PRIMARY KEY, at timestamptz DEFAULT now())')
  const work: Record<string, (client: number, call: number) => Promise<unknown>> = {
    'bare INSERT, one row, autocommit': () => pool.query('INSERT INTO bare (id) VALUES ($1)', [randomBytes(16).toString('hex')]),
    'createApiKey over fifty organizations': (client, call) => create((client + call * clients) % 50),
    'createApiKey within one organization': () => create(0),
  }
  const rates: Record<string, number[]> = {}
  for (let round = 0; round < rounds; round++) {
    for (const [name, once] of Object.entries(work)) rates[name] = [...(rates[name] ?? []), await rate(once)]
  }
  const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN
  const bare = median(Object.values(rates)[0] ?? [])
  console.log(`${clients} clients, ${rounds} rounds of ${seconds} s, PostgreSQL with fsync on, clients and server in one process`)
  for (const [name, list] of Object.entries(rates)) {
    const spread = `${Math.round(Math.min(...list))}–${Math.round(Math.max(...list))}`
    console.log(`${name.padEnd(40)} ${String(Math.round(median(list))).padStart(6)}/s  (${spread})  ${(median(list) / bare).toFixed(2)} × bare`)
  }
  const counted = await server.sql<{ n: number }>("SELECT count(*)::int AS n FROM api_key WHERE status = 'ACTIVE'")
  expect(counted[0]?.n).toBe((await server.sql<{ n: number }>("SELECT count(*)::int AS n FROM event WHERE kind = 'API_KEY_CREATED'"))[0]?.n)
  await pool.end()
  await server.close()
})
