import type { Page } from 'playwright-core'
import { beforeEach, describe, expect, test } from 'vitest'
import { SecretsDocument } from '../generated/operations.ts'
import { browserOfFile, type Visitor } from '../support/browser.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { closeAnyway, createKey, dialogOf, keyViews } from '../support/portal.ts'
import { dataOf } from '../support/server.ts'

const { server, company } = await companyOfFile()
const browser = browserOfFile('--host-resolver-rules=MAP portal.test 127.0.0.1')

beforeEach(() => {
  server.time.now = new Date()
})

const selection = (page: Page): Promise<string> => page.evaluate('String(getSelection())')

/** Forbids the page to write into the clipboard, as people do in the settings of their browser. */
async function denyClipboard({ context, page }: Visitor): Promise<void> {
  const session = await context.newCDPSession(page)
  const { targetInfo } = await session.send('Target.getTargetInfo')
  await session.send('Browser.setPermission', {
    permission: { name: 'clipboard-write' },
    setting: 'denied',
    origin: server.url,
    ...(targetInfo.browserContextId ? { browserContextId: targetInfo.browserContextId } : {}),
  })
}

/** What is in the clipboard, read by a page that may. */
async function clipboardOf({ context }: Visitor): Promise<string> {
  await context.grantPermissions(['clipboard-read'], { origin: server.url })
  const page = await context.newPage()
  await page.goto(`${server.url}/portal/icon.svg`)
  await page.bringToFront()
  const text = await page.evaluate<string>('navigator.clipboard.readText()')
  await page.close()
  return text
}

for (const [view, pathOf, asks] of keyViews) {
  describe(view, () => {
    const instance = asks ? 'I1' : undefined
    const path = pathOf(company)

    test('the key is copied as it is, and said to be copied only then', async () => {
      const visitor = await browser.visit(server, 'devA', { path })
      const { shown, text } = await createKey(visitor.page, `copied in ${view}`, instance)
      await shown.getByText('Not copied or saved yet.').waitFor()
      expect(await shown.getByText(/^Copied/).count()).toBe(0)
      await shown.getByRole('button', { name: 'Copy API Key' }).click()
      await shown.getByRole('button', { name: 'Copied', exact: true }).waitFor()
      expect(await clipboardOf(visitor)).toBe(text)
      expect(await server.verify(text, company.I1)).toMatchObject({ valid: true })
    })

    test('one click on the text selects all of it and nothing else', async () => {
      const { page } = await browser.visit(server, 'devA', { path })
      const { shown, text } = await createKey(page, `selected in ${view}`, instance)
      await shown.locator('.plaintext').click()
      expect(await selection(page)).toBe(text)
      await closeAnyway(shown)
    })

    test('where the clipboard is denied, the key is copied by selection', async () => {
      const visitor = await browser.visit(server, 'devA', { path })
      await denyClipboard(visitor)
      expect(await visitor.page.evaluate("navigator.clipboard.writeText('x').then(() => 'written', (error) => error.name)")).toBe('NotAllowedError')
      const { shown, text } = await createKey(visitor.page, `denied in ${view}`, instance)
      await shown.getByRole('button', { name: 'Copy API Key' }).click()
      await shown.getByRole('button', { name: 'Copied', exact: true }).waitFor()
      expect(await clipboardOf(visitor)).toBe(text)
    })

    test('where nothing copies, that is said, the text is selected, and the key does not count as kept', async () => {
      const visitor = await browser.visit(server, 'devA', { path })
      const { page } = visitor
      await denyClipboard(visitor)
      await page.evaluate('document.execCommand = () => false')
      const { shown, text } = await createKey(page, `not copied in ${view}`, instance)
      await shown.getByRole('button', { name: 'Copy API Key' }).click()
      await shown.getByRole('alert').getByText('Your browser did not copy it.').waitFor()
      expect(await selection(page)).toBe(text)
      expect(await shown.getByText(/^Copied/).count()).toBe(0)
      await closeAnyway(shown)
    })

    test('on plain http, where pages have no clipboard, the key is copied by selection inside the dialog', async () => {
      const url = server.url.replace('127.0.0.1', 'portal.test')
      const visitor = await browser.visit(server, 'devA', { path, url })
      const { page } = visitor
      expect(await page.evaluate("[isSecureContext, 'clipboard' in navigator]")).toEqual([false, false])
      const { shown, text } = await createKey(page, `on http in ${view}`, instance)
      await shown.getByRole('button', { name: 'Copy API Key' }).click()
      await shown.getByRole('button', { name: 'Copied', exact: true }).waitFor()
      expect(await clipboardOf(visitor)).toBe(text)
      // A reload finds the session again, which these pages prove by other means than secure ones.
      await page.reload()
      await page.getByRole('heading', { level: 1, name: /^API Keys/ }).waitFor()
    })

    test('the key is saved as a secret without being sent back', async () => {
      const { page, sent } = await browser.visit(server, 'devA', { path })
      const { shown, text } = await createKey(page, `saved in ${view}`, instance)
      await shown.getByRole('button', { name: 'Save As Secret' }).click()
      const saving = dialogOf(page, 'New Secret')
      const name = saving.getByLabel('Name')
      const create = saving.getByRole('button', { name: 'Create Secret' })
      await name.fill('no-dashes')
      await saving.getByText('Only letters, digits and underscores.').waitFor()
      expect(await create.isDisabled()).toBe(true)
      // Escape closes the upper dialog alone.
      await page.keyboard.press('Escape')
      await saving.waitFor({ state: 'detached' })
      expect(await shown.getByText('You have neither copied').count()).toBe(0)
      const secret = `SAVED_${asks ? 'IN_APP' : 'IN_INSTANCE'}`
      await shown.getByRole('button', { name: 'Save As Secret' }).click()
      await name.fill(secret)
      await create.click()
      await shown.getByText(`Saved as secret ${secret}.`).waitFor()
      expect(await shown.getByRole('button', { name: 'Save As Secret' }).isDisabled()).toBe(true)
      // Kept: nothing is asked.
      await shown.getByRole('button', { name: 'Close', exact: true }).click()
      await shown.waitFor({ state: 'detached' })
      expect(sent.filter((request) => request.includes('PortalSaveApiKeyAsSecret'))).toHaveLength(1)
      expect(sent.filter((request) => request.includes(text))).toEqual([])
      const { edges } = dataOf(await server.graphql(SecretsDocument, {}, as('devA'))).secrets
      expect(edges.map(({ node }) => [node.name, node.apiKey?.name])).toContainEqual([secret, `saved in ${view}`])

      // A name that is taken is refused at its field, and the key can still be saved.
      const { shown: second } = await createKey(page, `also saved in ${view}`, instance)
      await second.getByRole('button', { name: 'Save As Secret' }).click()
      await name.fill(secret)
      await create.click()
      await expect.poll(() => name.getAttribute('aria-invalid'), { timeout: 20_000 }).toBe('true')
      await name.fill(`${secret}_2`)
      await create.click()
      await second.getByText(`Saved as secret ${secret}_2.`).waitFor()
    })
  })
}
