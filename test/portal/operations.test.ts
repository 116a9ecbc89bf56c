import { readdirSync, readFileSync } from 'node:fs'
import { parse } from 'graphql'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { browserOfFile, type Visitor } from '../support/browser.ts'
import { companyOfFile } from '../support/file-server.ts'
import { createKey, dialogOf } from '../support/portal.ts'

const { server, company } = await companyOfFile()
const browser = browserOfFile()

const folder = 'schema/operations/portal/'
const documents = readdirSync(folder).map((name) => readFileSync(folder + name, 'utf8'))

/** Kinds and names of the operations in a text of GraphQL. */
const operationsOf = (text: string): string[] =>
  parse(text).definitions.flatMap((definition) => (definition.kind === 'OperationDefinition' ? [`${definition.operation} ${definition.name?.value}`] : []))

/** The operations that a page sent: subscriptions as messages of its socket, all else as requests. */
const sentBy = ({ sent }: Visitor): string[] =>
  sent.flatMap((text) => {
    const [, post] = /^POST \S+\/graphql (.*)$/s.exec(text) ?? []
    if (post !== undefined) return operationsOf((JSON.parse(post) as { query: string }).query).map((operation) => `${operation} by HTTP`)
    if (!text.startsWith('{"id"')) return []
    const { type, payload } = JSON.parse(text) as { type: string; payload?: { query: string } }
    return type === 'subscribe' && payload ? operationsOf(payload.query).map((operation) => `${operation} by WebSocket`) : []
  })

const click = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click()
const go = (page: Page, name: RegExp) => page.getByRole('navigation', { name: 'Portal' }).getByRole('link', { name }).click()

/** Goes once through everything that the portal does. */
async function walk(page: Page): Promise<void> {
  // An app: a new instance, and access to it.
  await click(page, 'New instance')
  await dialogOf(page, 'New instance of Functions').getByLabel('Instance name').fill('Walked')
  await click(page, 'Create instance')
  await page.getByRole('heading', { level: 1, name: 'Walked' }).waitFor()
  await page.getByRole('combobox', { name: 'Member', exact: true }).selectOption({ label: 'viewA' })
  await click(page, 'Grant access')
  await page.getByRole('combobox', { name: 'Role of viewA' }).waitFor()
  // Its keys: created, saved, revoked.
  await page.getByRole('link', { name: /^View API Keys/ }).click()
  const { shown } = await createKey(page, 'walked')
  await click(page, 'Save As Secret')
  await click(page, 'Create Secret')
  await shown.getByText('Saved as secret WALKED.').waitFor()
  await shown.getByRole('button', { name: 'Close', exact: true }).click()
  await click(page, 'Revoke walked')
  await page.getByRole('checkbox', { name: /^I understand/ }).check()
  await click(page, 'Revoke')
  await dialogOf(page, 'API key revoked').getByRole('button', { name: 'Close', exact: true }).click()
  // Secrets: revealed, deleted.
  await go(page, /^Secrets/)
  await click(page, 'Reveal WALKED')
  await click(page, 'Reveal')
  const revealed = dialogOf(page, 'Reveal WALKED')
  await revealed.getByText(/^Hidden in/).waitFor()
  await revealed.getByRole('button', { name: 'Close', exact: true }).click()
  await click(page, 'Delete WALKED')
  await click(page, 'Delete')
  await page.getByText('No secrets yet').waitFor()
  // The log of one key, and of all.
  await page.goto(`${server.url}/portal/keys?revoked=1`)
  await page.getByRole('link', { name: 'Activity of walked' }).click()
  await page.getByRole('button', { name: /^Key walked\s*: remove this filter$/ }).click()
  await page.getByRole('row').getByText('Instance created').first().waitFor()
  // Members: added, of another role, removed.
  await go(page, /^Access/)
  await click(page, 'Add member')
  const adding = dialogOf(page, 'Add member')
  await adding.getByLabel('Name').fill('Walker')
  await adding.getByLabel('Subject').fill('walker')
  await adding.getByRole('button', { name: 'Add member' }).click()
  const role = page.getByRole('combobox', { name: 'Role of Walker' })
  await role.selectOption({ label: 'Aura Owner' })
  await expect.poll(() => role.inputValue(), { timeout: 20_000 }).toBe('AURA_OWNER')
  await click(page, 'Remove Walker')
  await page.getByText('0 keys become orphans.').waitFor()
  await page.getByRole('checkbox', { name: /^I understand/ }).check()
  await click(page, 'Remove')
  await dialogOf(page, 'Member removed').getByRole('button', { name: 'Close', exact: true }).click()
  // By the palette to a key, and to the instance, which is deleted.
  await page.keyboard.press('Control+k')
  const palette = page.getByRole('combobox', { name: 'App, instance or key' })
  await palette.fill('stays')
  await page.getByRole('option', { name: /^stays/ }).waitFor()
  await palette.fill('Walk')
  await page.getByRole('option', { name: /^Walked/ }).click()
  await click(page, 'Delete instance')
  await page.getByRole('checkbox', { name: /^I understand/ }).check()
  await click(page, 'Delete')
  await dialogOf(page, 'Instance deleted').getByRole('button', { name: 'Close', exact: true }).click()
}

test('a browser sends every operation that is written for the portal, each in its way, and no other', async () => {
  server.time.now = new Date()
  await company.createKey('ownA', company.I1, 'stays')
  const visitor = await browser.visit(server, 'ownA', { path: '/apps/functions' })
  await walk(visitor.page)
  const written = documents.flatMap(operationsOf)
  expect(written.length).toBeGreaterThan(20)
  const ways = written.map((operation) => `${operation} by ${operation.startsWith('subscription') ? 'WebSocket' : 'HTTP'}`)
  await expect.poll(() => ways.filter((way) => !sentBy(visitor).includes(way)), { timeout: 20_000 }).toEqual([])
  expect(sentBy(visitor).filter((way) => !ways.includes(way))).toEqual([])
})
