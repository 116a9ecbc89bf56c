import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { type browserOfFile, picture, type Visitor } from './browser.ts'
import type { PortalCompany } from './portal-company.ts'
import type { View } from './portal-views.ts'
import type { TestServer } from './server.ts'

/** Opens a view and waits until what it shows is there. */
export async function openView(browser: ReturnType<typeof browserOfFile>, server: TestServer, company: PortalCompany, view: View): Promise<Visitor> {
  const { as = 'ada', at, open, shows } = view
  const path = typeof at === 'string' ? at : at(company)
  const visitor = await browser.visit(server, as, { path, organization: as === 'olga' ? 'b' : 'a' })
  const { page } = visitor
  if (view.name !== 'skeleton') await settled(page)
  await open?.(page)
  await page.getByText(shows).filter({ visible: true }).first().waitFor()
  if (view.name !== 'skeleton') await settled(page)
  return visitor
}

/** Everything that was asked for is there: nothing that is shown still waits. */
async function settled(page: Page): Promise<void> {
  await page.locator('.skeleton, [aria-busy=true], [data-loading=true], .live-state[data-state=connecting]').first().waitFor({ state: 'detached' })
}

const everyRule = { rules: { 'target-size': { enabled: true } } }

/** Dark changes colours and nothing else. */
const rulesOfColour = { runOnly: ['color-contrast', 'link-in-text-block'] }

/** What axe finds, by all of its rules, best practices and the sizes of targets included. */
export async function findings(page: Page, rules: object = everyRule): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page })
    .setLegacyMode(true)
    .options({ resultTypes: ['violations'], ...rules })
    .analyze()
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary?.split('\n')[1]?.trim()}`),
  )
}

/** What stands outside of the window or of its box on a side, or must be scrolled sideways to be seen. */
export const outside = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const name = (element: Element) => `${element.tagName.toLowerCase()}.${element.getAttribute('class') ?? ''} "${element.textContent?.slice(0, 40)}"`
    const hidden = (element: Element) => element.closest('.hidden-text, .skip-link, thead, svg') !== null || !element.checkVisibility()
    const found = [...document.querySelectorAll('body *')].filter((element) => {
      if (hidden(element)) return false
      const { left, right } = element.getBoundingClientRect()
      // What is positioned, as badges on buttons are, may stand anywhere in the window.
      const around = /absolute|fixed/.test(getComputedStyle(element).position) ? undefined : element.parentElement?.getBoundingClientRect()
      if (around && right > around.right + 1) return true
      const scrolls = element.scrollWidth > element.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(element).overflowX)
      return scrolls || right > innerWidth + 0.5 || left < -0.5
    })
    const root = document.documentElement
    return [...(root.scrollWidth > innerWidth ? [`the page is ${root.scrollWidth} wide`] : []), ...found.map(name)]
  })

/** A view in light, dark and narrow: what is wrong with it. Takes its pictures on the way. */
export async function check(visitor: Visitor, name: string): Promise<void> {
  const { page } = visitor
  const wrong: Record<string, string[]> = {}
  const problem = (where: string, list: string[]): void => {
    if (list.length > 0) wrong[where] = list
  }
  problem('light', await findings(page))
  await picture(visitor, `${name}-light`)
  await page.emulateMedia({ colorScheme: 'dark' })
  problem('dark', await findings(page, rulesOfColour))
  await picture(visitor, `${name}-dark`)
  await page.emulateMedia({ colorScheme: 'light' })
  // 640 is what a window of 1280 has at 200 % zoom.
  for (const width of [640, 320]) {
    await page.setViewportSize({ width, height: 640 })
    // What moves or closes with the window does so in the frames that follow.
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
    problem(`${width} wide`, await outside(page))
  }
  await picture(visitor, `${name}-narrow`)
  expect(wrong).toEqual({})
}
