import { afterEach, beforeEach, expect, test } from 'vitest'
import { createHome, type Home, onPostgres } from '../support/processes.ts'

let home: Home
beforeEach(async () => {
  home = await createHome()
})
afterEach(() => home.remove())

async function appsOf(slug: string, subject: string): Promise<number> {
  const { stdout } = await home.cli(['token', '--org', slug, '--as', subject])
  const headers = { authorization: `Bearer ${stdout.trim()}`, 'content-type': 'application/json' }
  const answer = await fetch(`${home.url}/graphql`, { method: 'POST', headers, body: '{"query":"{ apps { id } }"}' })
  return ((await answer.json()) as { data?: { apps: unknown[] } }).data?.apps.length ?? -1
}

test('a start that was killed while it loaded the demo left all of it or nothing, and the next one serves all of it', async () => {
  const first = await home.serve('Loading the demo')
  first.child.kill('SIGKILL')
  await first.exited

  const second = await home.serve()
  expect(second.printed.join('')).toContain('is loaded')
  expect([await appsOf('demo', 'owner@demo.example'), await appsOf('other', 'owner@other.example')]).toEqual([4, 1])
  second.child.kill('SIGTERM')
  await second.exited

  const third = await home.serve()
  expect(third.printed.join('')).not.toContain('Loading the demo')
  expect(third.printed.join('')).toContain('is loaded')
})

test('beside another organization no demo is loaded, and nothing is deleted', async () => {
  expect((await home.cli(['bootstrap', '--org', 'Real', '--owner', 'ada'])).code).toBe(0)
  const server = await home.serve()
  expect(server.printed.join('')).not.toMatch(/Loading the demo|is loaded/)
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
