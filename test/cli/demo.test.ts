import { readFileSync } from 'node:fs'
import { beforeAll, expect, test, vi } from 'vitest'
import { loadDemo } from '../../src/cli/demo.ts'
import { demoFile, ensureDemo } from '../../src/cli/ensure-demo.ts'
import { searchable } from '../../src/folding.ts'
import { serverOfFile } from '../support/file-server.ts'
import { recount } from '../support/recount.ts'
import type { TestServer } from '../support/server.ts'

const [made, prepared] = [await serverOfFile(), await serverOfFile()]

beforeAll(() => {
  vi.spyOn(console, 'log').mockImplementation(() => undefined)
  // Long after the build, and after the other one's tokens began.
  made.time.now = prepared.time.now = new Date(Date.now() + 40 * 86_400_000)
})

/** What each row has of its own in each database. */
const own: Readonly<Record<string, readonly string[]>> = {
  organization: ['denial_mark', 'change_mark', 'created_at'],
  member: [],
  app: [],
  app_instance: [],
  instance_access: [],
  api_key: ['hint', 'folded', 'trigrams'],
  key_digest: ['digest', 'pepper_id'],
  key_use: [],
  key_count: [],
  use_mark: [],
  event: [],
  secret: [],
  unfolded: [],
}

/** All rows, in the order in which they were made, with each id as a number. */
async function content(server: TestServer): Promise<Record<string, unknown[]>> {
  const all: Record<string, unknown[]> = {}
  for (const [table, columns] of Object.entries(own)) {
    const rows = await server.sql<{ row: unknown }>(`SELECT to_jsonb(t) - $1::text[] AS row FROM ${table} t ORDER BY t`, columns)
    all[table] = rows.map(({ row }) => row)
  }
  const ids = new Map<string, string>()
  const numbered = JSON.stringify(all).replace(/\b[a-z]{3}_[0-9a-z]{26}\b/g, (id) => {
    if (!ids.has(id)) ids.set(id, `${id.slice(0, 3)} ${ids.size}`)
    return ids.get(id) ?? ''
  })
  return JSON.parse(numbered)
}

test('a demo that fails before its end leaves nothing, and the next start loads it with a few statements', async () => {
  await prepared.sql("CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'full'; END $$")
  await prepared.sql('CREATE TRIGGER fails BEFORE INSERT ON event FOR EACH STATEMENT EXECUTE FUNCTION fail()')
  await expect(ensureDemo(prepared.app, true)).rejects.toThrow()
  expect(Object.values(await content(prepared)).flat()).toEqual([])
  await prepared.sql('DROP TRIGGER fails ON event')

  prepared.statements.length = 0
  expect(await ensureDemo(prepared.app, true)).toBe(true)
  // One per table, and those around them.
  expect(prepared.statements.filter((sql) => sql.startsWith('INSERT INTO "') && sql.includes('recordset'))).toHaveLength(8)
  expect(prepared.statements.length).toBeLessThan(25)
})

test('the prepared demo has the same rows, events and counts as the one that the use cases make', async () => {
  const { now } = made.time
  const loading = loadDemo(made.app)
  // It knows when it began. The server's own jobs would expire keys before it revokes them, and find nothing due then.
  made.time.now = new Date(0)
  await loading
  made.time.now = now
  const [expected, found] = [await content(made), await content(prepared)]
  expect(expected['api_key']?.length).toBeGreaterThan(50)
  expect(found).toEqual(expected)
  expect(await recount(prepared)).toEqual([])
})

test('its keys have digests under the pepper of this server, and hints that search finds', async () => {
  const keys = await prepared.sql<{ id: string; name: string; hint: string; folded: string; trigrams: string; pepper: string; digest: string }>(
    `SELECT id, name, hint, folded, trigrams, pepper_id AS pepper, encode(digest, 'hex') AS digest FROM api_key JOIN key_digest ON key_id = id`,
  )
  expect(new Set(keys.map(({ digest }) => digest)).size).toBe(keys.length)
  // Nor is any of them a key of the build, which all servers share.
  const file = readFileSync(demoFile, 'utf8')
  expect(file).toContain(keys[0]?.id)
  expect(keys.filter(({ hint, digest }) => file.includes(hint) || file.includes(digest))).toEqual([])
  for (const { id, name, hint, folded, trigrams, pepper, digest } of keys) {
    expect({ hint, folded, trigrams, pepper, digest }).toEqual({
      hint: expect.stringMatching(new RegExp(`^aura_${id.slice(4, 8)}…[0-9A-Za-z]{4}$`)),
      ...searchable(name, hint),
      pepper: prepared.app.ports.digests.currentId,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  }
})

test('it is loaded once, and never beside another organization', async () => {
  const before = await content(prepared)
  expect(await ensureDemo(prepared.app, true)).toBe(true)
  // Made without a note that the demo is loaded, as any other organization.
  expect(await ensureDemo(made.app, true)).toBe(false)
  expect([await content(prepared), await content(made)]).toEqual([before, before])
})
