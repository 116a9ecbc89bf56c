import type { Page } from 'playwright-core'
import { expect, test, vi } from 'vitest'
import { browserOfFile } from '../support/browser.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { codeFor } from '../support/session.ts'

const { server, company } = await companyOfFile()
const browser = browserOfFile()
// Several browsers on a machine under load take their time.
vi.setConfig({ testTimeout: 240_000 })
await company.createKey('ownA', company.I1, 'only in a')
await company.createKey('ownB', company.J1, 'only in b')
const query = 'mutation { addMember(input: { name: "Both", subject: "ownA", role: OWNER }) { member { id } } }'
expect(await (await server.post({ query }, as('ownB'))).json()).not.toHaveProperty('errors')

const inOrganization = (page: Page, slug: string) => page.getByRole('button', { name: new RegExp(`^Organization ${slug}, .*account$`) })

async function switchTo(page: Page, from: string, to: string): Promise<void> {
  await inOrganization(page, from).click()
  await page.getByRole('button', { name: `Switch to Organization ${to}` }).click()
  await inOrganization(page, to).waitFor()
}

test('whoever switches the organization sees its keys and nothing of the other, in each direction', async () => {
  const { page } = await browser.visit(server, 'ownA', { path: '/keys' })
  await page.getByRole('rowheader', { name: 'only in a' }).waitFor()
  await switchTo(page, 'a', 'b')
  await page.getByRole('rowheader', { name: 'only in b' }).waitFor()
  const html = await page.content()
  for (const foreign of ['only in a', company.I1, 'Organization a<']) expect(html.replace(/Switch to Organization a</g, '')).not.toContain(foreign)
  await switchTo(page, 'b', 'a')
  await page.getByRole('rowheader', { name: 'only in a' }).waitFor()
  expect(await page.content()).not.toContain('only in b')
})

test('an address of one organization shows nothing in the other', async () => {
  const { page } = await browser.visit(server, 'ownA', { path: `/apps/functions/instances/${company.I1}` })
  await page.getByRole('heading', { level: 1, name: 'I1' }).waitFor()
  await switchTo(page, 'a', 'b')
  await page.getByText('There is no such instance').waitFor()
})

test('who is a member of several chooses one, and comes to its first app', async () => {
  const { page } = await browser.visit(server, 'ownA', { path: '/?choose=organization' })
  const main = page.getByRole('main')
  expect(await main.getByRole('button').allTextContents()).toEqual(expect.arrayContaining(['Organization a', 'Organization b']))
  await main.getByRole('button', { name: 'Organization b' }).click()
  await inOrganization(page, 'b').waitFor()
  await page.getByRole('link', { name: 'J1', exact: true }).waitFor()
  expect(await page.getByRole('link', { name: 'I1', exact: true }).count()).toBe(0)
})

test('a session that was ended elsewhere leads to the sign-in, and signing in leads back to the same place', async () => {
  const place = `/apps/functions/instances/${company.I1}/keys?tab=orphaned`
  const [{ page }, elsewhere] = [await browser.visit(server, 'auraA', { path: place }), await browser.visit(server, 'auraA')]
  await elsewhere.page.getByRole('button', { name: /account$/ }).click()
  await elsewhere.page.getByRole('button', { name: 'Your sessions' }).click()
  await elsewhere.page.getByRole('button', { name: 'Sign out everywhere' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  expect(await page.getByRole('table').count()).toBe(0)
  await page.goto('about:blank')
  await page.goto(`${server.url}/portal/#code=${codeFor(server, 'auraA')}`)
  await page.getByRole('heading', { level: 1, name: /API Keys/ }).waitFor()
  expect(page.url()).toBe(`${server.url}/portal${place}`)
})
