import { expect, test } from 'vitest'
import { browserOfFile } from '../support/browser.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server } = await companyOfFile()
const browser = browserOfFile()

test('somebody signs in by a link and creates a key', async () => {
  const { page } = await browser.visit(server, 'ownA', { path: '/apps/functions' })
  await page.getByRole('link', { name: 'I1' }).click()
  await page.getByRole('link', { name: /View API Keys/ }).click()
  expect(await page.getByRole('heading', { level: 1 }).textContent()).toContain('API Keys')
})
