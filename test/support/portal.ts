import type { Locator, Page } from 'playwright-core'
import type { Company } from './company.ts'

/** Where the keys of the company are listed, and what is asked before one is created there. */
export const keyViews = [
  ['the view of the instance', ({ I1 }: Company) => `/apps/functions/instances/${I1}/keys`, false],
  ['the view of the app', () => '/apps/functions/keys', true],
] as const

export const dialogOf = (page: Page, title: string): Locator => page.getByRole('dialog', { name: title, exact: true })

export const rowOf = (page: Page, name: string): Locator => page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: nameAlone(name) }) })

/** A row's name, with the marks beside it. */
const nameAlone = (name: string): RegExp => new RegExp(`^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}( (New|Revoked))*$`)

/** The names in the rows of a list, from top to bottom. */
export const namesIn = (page: Page): Promise<string[]> =>
  page
    .getByRole('rowheader')
    .evaluateAll((cells) => cells.map((cell) => String((cell as unknown as { firstChild: { textContent: string } }).firstChild.textContent)))

/** The tab with this number on it. */
export const tabOf = (page: Page, name: string, count: number): Locator => page.getByRole('tab', { name: `${name} ${count}`, exact: true })

/** Opens the dialog and names the key; `instance` where it is asked for. */
export async function beginKey(page: Page, name: string, instance?: string): Promise<Locator> {
  await page.getByRole('button', { name: 'Create API Key' }).first().click()
  const dialog = page.getByRole('dialog', { name: /^Create API key for / })
  if (instance !== undefined) await dialog.getByLabel('Instance').selectOption({ label: instance })
  await dialog.getByLabel('API Key Name').fill(name)
  return dialog
}

/** The dialog that shows a key once, after it was created. */
export const shownOnce = (page: Page): Locator => dialogOf(page, 'API key created')

/** Creates a key through the page; the answer is the dialog that shows it, and its text. */
export async function createKey(page: Page, name: string, instance?: string): Promise<{ shown: Locator; text: string }> {
  const dialog = await beginKey(page, name, instance)
  await dialog.getByRole('button', { name: 'Create API Key' }).click()
  const shown = shownOnce(page)
  const text = await shown.locator('.plaintext').textContent()
  if (!text) throw new Error('the dialog shows no key')
  return { shown, text }
}

/** Closes the dialog that shows a key, although it was kept nowhere. */
export async function closeAnyway(shown: Locator): Promise<void> {
  await shown.getByRole('button', { name: 'Close', exact: true }).click()
  await shown.getByRole('button', { name: 'Close anyway' }).click()
  await shown.waitFor({ state: 'detached' })
}

/** Holds an operation on its way to the server, or its answer on the way back, until it is let go. */
export async function holdOperation(
  page: Page,
  operation: string,
  what: 'request' | 'answer' = 'request',
): Promise<{ arrived: Promise<void>; letGo: () => void; sent: () => number }> {
  let sent = 0
  let arrive = (): void => undefined
  let letGo = (): void => undefined
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve
  })
  const released = new Promise<void>((resolve) => {
    letGo = resolve
  })
  await page.route('**/graphql', async (route) => {
    if (!route.request().postData()?.includes(operation)) return route.continue()
    sent++
    const response = what === 'answer' ? await route.fetch() : undefined
    arrive()
    await released
    await (response ? route.fulfill({ response }) : route.continue())
  })
  return { arrived, letGo, sent: () => sent }
}
