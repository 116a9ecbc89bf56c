import { expect, test } from 'vitest'
import { browserOfFile, picture } from '../support/browser.ts'
import { companyOfFile } from '../support/file-server.ts'
import { startServer } from '../support/server.ts'

const { server, company } = await companyOfFile()
const browser = browserOfFile()

test('GraphiQL comes from this server alone, and runs operations and subscriptions as who is signed in to the portal', async () => {
  const visitor = await browser.visit(server, 'ownA')
  const { page, sent, received } = visitor
  sent.length = 0
  await page.goto(`${server.url}/graphql`)
  await page.getByRole('button', { name: /execute query/i }).click()
  const result = page.getByRole('region', { name: /result/i })
  await expect.poll(() => result.textContent(), { timeout: 20_000 }).toContain('OWNER')
  expect(await page.title()).toContain('aura-keys')
  await picture(visitor, 'graphiql')
  const query = encodeURIComponent(`subscription { keyCountsOf(instanceIds: ["${company.I1}"]) { counts { active } } }`)
  await page.goto(`${server.url}/graphql?query=${query}`)
  await page.getByRole('button', { name: /execute query/i }).click()
  await expect.poll(() => result.textContent(), { timeout: 20_000 }).toMatch(/active/)
  await company.createKey('ownA', company.I1)
  await expect.poll(() => received.filter((text) => text.includes('"next"') && text.includes('active')).length, { timeout: 20_000 }).toBeGreaterThan(1)
  const hosts = new Set(sent.flatMap((text) => [...text.matchAll(/\b(?:https?|wss?):\/\/[^/\s"]+/g)].map(([address]) => new URL(address).host)))
  expect([...hosts]).toEqual([new URL(server.url).host])
  // The cookie is all that says who asks.
  expect(sent.filter((text) => /bearer/i.test(text))).toEqual([])
})

test('without a session GraphiQL shows the refusal of the server', async () => {
  const { page } = await browser.visit(server, null)
  await page.goto(`${server.url}/graphql`)
  await page.getByRole('button', { name: /execute query/i }).click()
  await expect.poll(() => page.getByRole('region', { name: /result/i }).textContent(), { timeout: 20_000 }).toContain('UNAUTHENTICATED')
})

test('its policy lets in no script of others and no inline script, no page can frame it, and its files are those of the build', async () => {
  const page = await fetch(`${server.url}/graphql`, { headers: { accept: 'text/html' } })
  const policy = page.headers.get('content-security-policy')?.split('; ')
  expect(policy).toContain("script-src 'self'")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy?.filter((directive) => /https?:|\*|unsafe-eval|blob:/.test(directive))).toEqual([])
  const html = await page.text()
  expect(html).not.toMatch(/<script(?![^>]* src="\/)|https?:/)
  for (const [, path] of html.matchAll(/(?:src|href)="([^"]+)"/g)) expect([path, (await fetch(`${server.url}${path}`)).status]).toEqual([path, 200])
  for (const method of ['POST', 'DELETE']) expect((await fetch(`${server.url}/graphiql/start.js`, { method })).status).toBe(405)
  const production = await startServer({ NODE_ENV: 'production' })
  try {
    for (const path of ['/graphql', '/graphiql/start.js', '/graphiql/graphiql.js']) {
      const response = await fetch(`${production.url}${path}`, { headers: { accept: 'text/html' } })
      expect([path, response.status]).toEqual([path, path === '/graphql' ? 400 : 404])
    }
  } finally {
    await production.close()
  }
})
