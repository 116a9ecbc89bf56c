import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createHome, type Home, onPostgres } from '../support/processes.ts'

let home: Home
beforeEach(async () => {
  home = await createHome()
})
afterEach(() => home.remove())

/** Answers in the middle of the load: some of it is committed, and not all. */
async function halfLoaded(): Promise<void> {
  if (onPostgres) {
    await vi.waitFor(async () => expect(await home.sql('SELECT 1 FROM api_key LIMIT 3')).toHaveLength(3), { timeout: 30_000, interval: 5 })
    return
  }
  // The folder is locked, but its log is seen to grow with each commit.
  const logs = join(home.folder, 'data', 'pg', 'pg_wal')
  const seen = new Set<number>()
  await vi.waitFor(
    () => {
      for (const name of readdirSync(logs)) seen.add(statSync(join(logs, name)).mtimeMs)
      expect(seen.size).toBeGreaterThan(20)
    },
    { timeout: 30_000, interval: 2 },
  )
}

async function appsOf(slug: string, subject: string): Promise<number> {
  const { stdout } = await home.cli(['token', '--org', slug, '--as', subject])
  const headers = { authorization: `Bearer ${stdout.trim()}`, 'content-type': 'application/json' }
  const answer = await fetch(`${home.url}/graphql`, { method: 'POST', headers, body: '{"query":"{ apps { id } }"}' })
  return ((await answer.json()) as { data?: { apps: unknown[] } }).data?.apps.length ?? -1
}

test('a start that was killed while it loaded the demo is made good by the next one', async () => {
  const first = await home.serve('Loading the demo')
  await halfLoaded()
  first.child.kill('SIGKILL')
  await first.exited
  expect(first.printed.join('')).not.toContain('is loaded')

  const second = await home.serve()
  expect(second.printed.join('')).toMatch(/half loaded.*Loading the demo.*is loaded/s)
  expect([await appsOf('demo', 'owner@demo.example'), await appsOf('other', 'owner@other.example')]).toEqual([4, 1])
  second.child.kill('SIGTERM')
  await second.exited

  const third = await home.serve()
  expect(third.printed.join('')).not.toMatch(/half loaded|Loading the demo/)
  expect(third.printed.join('')).toContain('is loaded')
})

test('beside half of a demo no other organization is deleted', async () => {
  const first = await home.serve('Loading the demo')
  await halfLoaded()
  first.child.kill('SIGKILL')
  await first.exited
  expect((await home.cli(['bootstrap', '--org', 'Real', '--owner', 'ada'])).code).toBe(0)
  const second = await home.serve()
  expect(second.printed.join('')).toContain('nothing is deleted')
  expect(second.printed.join('')).not.toContain('is loaded')
  expect(await appsOf('real', 'ada')).toBe(0)
})

test('of two nodes that start on an empty database with --demo one loads it, and both serve', async () => {
  // The embedded database has one process; a second one is refused, see process.test.ts.
  const nodes = await Promise.all(onPostgres ? [home.serve(), home.serve('serves at', { PORT: '0' })] : [home.serve()])
  const printed = nodes.map((node) => node.printed.join(''))
  expect(printed.filter((text) => text.includes('Loading the demo'))).toHaveLength(1)
  expect(printed.every((text) => text.includes('is loaded'))).toBe(true)
  expect(await appsOf('demo', 'owner@demo.example')).toBe(4)
})
