import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { browserOfFile } from '../support/browser.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()
const browser = browserOfFile()
const keys = `/apps/functions/instances/${company.I1}/keys`

/** Lines around a thing, and their colours. */
const lines = (page: Page, selector: string): Promise<string> =>
  page
    .locator(selector)
    .first()
    .evaluate((element) => {
      const { outlineStyle, outlineWidth, outlineColor, borderBottomColor, borderBottomStyle } = getComputedStyle(element)
      return [outlineStyle, outlineWidth, outlineColor, borderBottomStyle, borderBottomColor].join(' ')
    })

test('with forced colours, lines and not tints tell what is chosen', async () => {
  const { page } = await browser.visit(server, 'ownA', { path: keys, forcedColors: 'active' })
  await page.getByRole('tab', { selected: true }).waitFor()
  expect(await lines(page, '.nav-item[aria-current]')).not.toBe(await lines(page, '.nav-item:not([aria-current])'))
  expect(await lines(page, '[role=tab][aria-selected=true]')).not.toBe(await lines(page, '[role=tab][aria-selected=false]'))
  await page.getByRole('button', { name: 'Create API Key' }).first().click()
  await page.getByRole('radiogroup').waitFor()
  expect(await lines(page, '.presets [data-chosen=true]')).not.toBe(await lines(page, '.presets [data-chosen=false]'))
  await page.keyboard.press('Escape')
  await page.keyboard.press('Control+k')
  await page.keyboard.type('I')
  await page.locator('#targets [role=option]').nth(1).waitFor()
  expect(await lines(page, '[role=option][aria-selected=true]')).not.toBe(await lines(page, '[role=option][aria-selected=false]'))
})

test('nothing moves for whoever asked for less motion', async () => {
  const moving = (page: Page): Promise<string[]> =>
    page.evaluate(() =>
      [...document.querySelectorAll('*')]
        .filter((element) => {
          const { animationName, transitionDuration, transitionProperty } = getComputedStyle(element)
          return animationName !== 'none' || (transitionProperty !== 'none' && /[1-9]/.test(transitionDuration))
        })
        .map((element) => `${element.tagName} ${element.getAttribute('class')}`),
    )
  const { page } = await browser.visit(server, 'ownA', { path: '/secrets', reducedMotion: 'reduce' })
  // Lines where rows will be are what moves.
  await page.route('**/graphql', (route) => (route.request().postData()?.includes('apiKeys(') ? undefined : route.continue()))
  await page.goto(`${server.url}/portal${keys}`)
  await page.locator('tbody .skeleton').first().waitFor()
  expect(await moving(page)).toEqual([])
  await page.emulateMedia({ reducedMotion: 'no-preference' })
  expect(await moving(page)).not.toEqual([])
})
