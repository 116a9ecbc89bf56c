import type { Dialog, Page } from 'playwright-core'
import { beforeEach, describe, expect, test } from 'vitest'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { ApiKeysDocument } from '../generated/operations.ts'
import { browserOfFile } from '../support/browser.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { beginKey, closeAnyway, createKey, holdOperation, keyViews, rowOf, shownOnce } from '../support/portal.ts'
import { dataOf } from '../support/server.ts'

const { server, company } = await companyOfFile()
const browser = browserOfFile()

beforeEach(() => {
  server.time.now = new Date()
})

const keysNamed = async (name: string) => dataOf(await server.graphql(ApiKeysDocument, { filter: { search: name } }, as('ownA'))).apiKeys.edges

const question = "You have neither copied nor saved this key. It can't be shown again."

/** What the browser itself asks before it leaves the page. */
async function browserAsks(page: Page, leaving: string): Promise<Dialog> {
  const asked = page.waitForEvent('dialog')
  await page.evaluate(`void setTimeout(() => ${leaving})`)
  const dialog = await asked
  expect(dialog.type()).toBe('beforeunload')
  return dialog
}

/** Goes back, and waits until the page has answered with a step of its own. */
const stepBack = (page: Page, steps: number): Promise<unknown> =>
  page.evaluate(`new Promise((done) => {
    let changes = 0
    navigation.addEventListener('currententrychange', () => ++changes === 2 && done())
    history.go(-${steps})
  })`)

/** What somebody does who wants to be somewhere else, or misses; and whether they hear that the key is not kept yet. */
const exits: Readonly<Record<string, [leave: (page: Page, times: number) => Promise<unknown>, asks: boolean]>> = {
  Escape: [(page) => page.keyboard.press('Escape'), true],
  'a click outside': [(page) => page.mouse.click(5, 5), false],
  Back: [(page) => stepBack(page, 1), true],
  'Back by several steps': [(page, times) => stepBack(page, 2 - times), true],
}

for (const [view, pathOf, asks] of keyViews) {
  describe(view, () => {
    const instance = asks ? 'I1' : undefined

    /** The list of keys, with two pages before it. */
    const visit = async () => {
      const { page } = await browser.visit(server, 'devA', { path: '/apps/functions' })
      const path = pathOf(company)
      await page.getByRole('link', { name: asks ? /^View API Keys/ : 'I1', exact: !asks }).click()
      if (asks) await page.getByRole('tab', { name: /^Orphaned/ }).click()
      else await page.getByRole('link', { name: /^View API Keys/ }).click()
      await page.waitForURL(`**/portal${path}${asks ? '?tab=orphaned' : ''}`)
      return { page, url: page.url() }
    }

    for (const [name, [leave, isAsked]] of Object.entries(exits)) {
      test(`${name} does not lose the key`, async () => {
        const { page, url } = await visit()
        const { shown, text } = await createKey(page, `${name} in ${view}`, instance)
        // Twice: a question that was asked once is no permission.
        for (let times = 0; times < 2; times++) {
          await leave(page, times)
          if (isAsked) await shown.getByText(question).waitFor()
          expect([await shown.locator('.plaintext').textContent(), page.url()]).toEqual([text, url])
          if (isAsked) await shown.getByRole('button', { name: 'Keep it open' }).click()
          expect(await shown.getByText(question).count()).toBe(0)
        }
        await closeAnyway(shown)
        expect(page.url()).toBe(url)
        expect(await keysNamed(`${name} in ${view}`)).toHaveLength(1)
      })
    }

    test('Close asks once, and not at all after the key was kept', async () => {
      const { page } = await visit()
      const { shown } = await createKey(page, `asked in ${view}`, instance)
      await shown.getByRole('button', { name: 'Close', exact: true }).click()
      await shown.getByText(question).waitFor()
      await shown.getByRole('button', { name: 'Close anyway' }).click()
      await shown.waitFor({ state: 'detached' })

      const { shown: copied } = await createKey(page, `copied in ${view}`, instance)
      await copied.getByRole('button', { name: 'Copy API Key' }).click()
      await copied.getByRole('button', { name: 'Copied' }).waitFor()
      await copied.getByRole('button', { name: 'Close', exact: true }).click()
      await copied.waitFor({ state: 'detached' })
    })

    test('the browser asks before it reloads a page that shows a key which was kept nowhere, and after a reload the key is gone', async () => {
      const { page } = await visit()
      const { shown, text } = await createKey(page, `reloaded in ${view}`, instance)
      await (await browserAsks(page, 'location.reload()')).dismiss()
      expect(await shown.locator('.plaintext').textContent()).toBe(text)
      await (await browserAsks(page, 'location.reload()')).accept()
      await page.getByRole('tab', { name: /^Active \d+$/ }).click()
      await rowOf(page, `reloaded in ${view}`).waitFor()
      expect(await page.content()).not.toContain(text)
      await page.reload()
    })

    test('nothing closes the dialog while the key is created, and a slow answer shows it', async () => {
      const { page, url } = await visit()
      const name = `slow in ${view}`
      const held = await holdOperation(page, 'PortalCreateApiKey', 'answer')
      const dialog = await beginKey(page, name, instance)
      await dialog.getByRole('button', { name: 'Create API Key' }).click()
      await held.arrived
      for (const [leave] of Object.values(exits)) {
        await leave(page, 0)
        expect([await dialog.isVisible(), page.url()]).toEqual([true, url])
      }
      expect(await dialog.getByRole('button', { name: 'Cancel' }).isDisabled()).toBe(true)
      expect(await dialog.getByRole('button', { name: 'Close the dialog' }).count()).toBe(0)
      await (await browserAsks(page, 'location.reload()')).dismiss()
      held.letGo()
      const text = (await shownOnce(page).locator('.plaintext').textContent()) ?? ''
      expect(await server.verify(text, company.I1)).toMatchObject({ valid: true })
      await closeAnyway(shownOnce(page))
      expect([held.sent(), (await keysNamed(name)).length]).toEqual([1, 1])
    })

    test('a double click, and Enter while the answer is on its way, create one key', async () => {
      const { page } = await visit()
      const name = `twice in ${view}`
      const held = await holdOperation(page, 'PortalCreateApiKey', 'answer')
      const dialog = await beginKey(page, name, instance)
      await dialog.getByRole('button', { name: 'Create API Key' }).dblclick()
      await held.arrived
      await page.keyboard.press('Enter')
      held.letGo()
      await closeAnyway(shownOnce(page))
      expect([held.sent(), (await keysNamed(name)).length]).toEqual([1, 1])
    })

    test('an answer that is lost on its way is tried again without a second key, and its key is said to be lost', async () => {
      const { page } = await visit()
      const name = `lost in ${view}`
      let answers = 0
      await page.route('**/graphql', async (route) => {
        if (!route.request().postData()?.includes('PortalCreateApiKey') || answers++ > 0) return route.continue()
        await route.fetch()
        await route.abort('connectionreset')
      })
      const dialog = await beginKey(page, name, instance)
      await dialog.getByRole('button', { name: 'Create API Key' }).click()
      await dialog.getByText('It is not known whether the key was created').waitFor()
      // Another input would be another key.
      expect(await dialog.getByLabel('API Key Name').isDisabled()).toBe(true)
      await dialog.getByRole('button', { name: 'Try again' }).click()
      await shownOnce(page).getByText('Its text was lost on the way').waitFor()
      await shownOnce(page).getByRole('button', { name: 'Close', exact: true }).click()
      expect([answers, (await keysNamed(name)).length]).toEqual([2, 1])
    })
  })
}

test('the key stays while the connection comes back and every answer fails, and while its instance is deleted', async () => {
  const { instanceId } = await createAppInstance(server.app.ports, company.members.ownA, { appId: company.appId, name: 'Short' })
  const { page, context } = await browser.visit(server, 'ownA', { path: `/apps/functions/instances/${instanceId}/keys` })
  const { shown, text } = await createKey(page, 'in bad times')
  await page.route('**/graphql', (route) => route.abort('connectionrefused'))
  await context.setOffline(true)
  await page.getByText('Offline').waitFor()
  await context.setOffline(false)
  await page.getByText('Live', { exact: true }).waitFor()
  await page.getByText('The keys could not be read').waitFor()
  expect(await shown.locator('.plaintext').textContent()).toBe(text)
  await page.unroute('**/graphql')
  await deleteAppInstance(server.app.ports, company.members.ownA, { id: instanceId, acknowledged: true })
  await page.getByRole('tab', { name: 'Orphaned 1' }).waitFor()
  expect(await shown.locator('.plaintext').textContent()).toBe(text)
  await closeAnyway(shown)
})
