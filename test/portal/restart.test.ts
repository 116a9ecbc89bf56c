import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { browserOfFile } from '../support/browser.ts'
import { freePort } from '../support/postgres.ts'
import { createHome, type Home } from '../support/processes.ts'
import type { TestServer } from '../support/server.ts'

const browser = browserOfFile()
// Several browsers on a machine under load take their time.
vi.setConfig({ testTimeout: 240_000 })
const owner = ['--org', 'demo', '--as', 'owner@demo.example']
const patience = { timeout: 60_000 }
let home: Home
let token: string

beforeAll(async () => {
  home = await createHome()
})
afterAll(() => home.remove())

async function graphql<Data>(url: string, query: string): Promise<Data> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const answer = (await (await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) })).json()) as {
    data: Data
    errors?: unknown
  }
  if (answer.errors) throw new Error(JSON.stringify(answer.errors))
  return answer.data
}

test('a page whose server is killed says so, recovers by itself, and has what changed meanwhile and what changes afterwards', async () => {
  const first = await home.serve()
  token = (await home.cli(['token', ...owner])).stdout.trim()
  type Found = { app: { instances: { edges: [{ node: { id: string } }] } } }
  const instanceId = (await graphql<Found>(home.url, '{ app(slug: "analyst") { instances(first: 1) { edges { node { id } } } } }')).app.instances.edges[0].node
    .id
  const create = (url: string, name: string) =>
    graphql(url, `mutation { createApiKey(input: { instanceId: "${instanceId}", name: "${name}", expiresInDays: 9 }) { apiKey { id } } }`)
  const active = async (): Promise<number> =>
    (await graphql<{ instance: { keyCounts: { active: number } } }>(home.url, `{ instance(id: "${instanceId}") { keyCounts { active } } }`)).instance.keyCounts
      .active
  const before = await active()

  const path = `/apps/analyst/instances/${instanceId}/keys`
  const { page, context } = await browser.visit({ url: home.url } as TestServer, null, { path })
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await page.goto('about:blank')
  await page.goto((await home.cli(['portal-link', ...owner])).stdout.trim())
  const badge = page.getByRole('tab', { name: /^Active/ })
  await expect.poll(() => badge.textContent(), patience).toBe(`Active ${before}`)
  await expect.poll(() => page.locator('.live-state').textContent(), patience).toBe('Live')
  const total = page.getByRole('link', { name: /^All API keys/ })
  const totalBefore = Number((await total.textContent())?.replace(/\D/g, ''))
  const log = await context.newPage()
  await log.goto(`${home.url}/portal/activity`)
  const logged = (name: string) =>
    log
      .getByRole('row', { name: /Key created/ })
      .getByText(name, { exact: true })
      .waitFor()
  await expect.poll(() => log.locator('.live-state').textContent(), patience).toBe('Live')

  first.child.kill('SIGKILL')
  await first.exited
  await expect.poll(() => page.locator('.live-state').textContent(), patience).toBe('Reconnecting')
  expect(await badge.textContent()).toBe(`Active ${before} (may be old)`)

  // The page knows another port, so that this happens while it is cut off.
  const port = await freePort()
  const aside = await home.serve('serves at', { PORT: String(port) })
  await create(`http://127.0.0.1:${port}`, 'made meanwhile')
  aside.child.kill('SIGKILL')
  await aside.exited
  expect(await page.getByRole('rowheader', { name: /made meanwhile/ }).count()).toBe(0)

  await home.serve()
  await expect.poll(() => page.locator('.live-state').textContent(), patience).toBe('Live')
  await expect.poll(() => badge.textContent(), patience).toBe(`Active ${before + 1}`)
  await page.getByRole('rowheader', { name: /made meanwhile/ }).waitFor()
  await logged('made meanwhile')
  await create(home.url, 'made afterwards')
  await expect.poll(() => badge.textContent(), patience).toBe(`Active ${before + 2}`)
  await page.getByRole('rowheader', { name: /made afterwards/ }).waitFor()
  await logged('made afterwards')
  expect(await total.textContent()).toBe(`All API keys${totalBefore + 2}`)
  expect(await active()).toBe(before + 2)
})
