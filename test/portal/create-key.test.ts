import { beforeEach, describe, expect, test } from 'vitest'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { ApiKeysDocument } from '../generated/operations.ts'
import { browserOfFile } from '../support/browser.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { beginKey, closeAnyway, dialogOf, keyViews, rowOf, shownOnce, tabOf } from '../support/portal.ts'
import { dataOf } from '../support/server.ts'

const { server, company } = await companyOfFile({ MAX_KEY_LIFETIME_DAYS: '70' })
const browser = browserOfFile()
const day = 86_400_000
const presets = [7, 30, 60]

// The server's clock stands still, the browser's does not.
beforeEach(() => {
  server.time.now = new Date()
})

const keyNamed = async (name: string) => {
  const { edges } = dataOf(await server.graphql(ApiKeysDocument, { filter: { search: name } }, as('ownA'))).apiKeys
  expect(edges).toHaveLength(1)
  return edges[0]?.node ?? expect.fail()
}

for (const [view, pathOf, asks] of keyViews) {
  describe(view, () => {
    test('a key is created, shown, and in the list and the counts at once', async () => {
      const { page } = await browser.visit(server, 'devA', { path: pathOf(company) })
      await page.getByRole('heading', { level: 1, name: 'API Keys Preview' }).waitFor()
      const before = Number((await page.getByRole('tab', { name: /^Active \d+$/ }).textContent())?.replace(/\D/g, ''))
      const name = `created in ${view}`
      await page.getByRole('button', { name: 'Create API Key' }).first().click()
      if (asks) {
        const asking = dialogOf(page, 'Create API key for Functions')
        await asking.getByLabel('API Key Name').fill(name)
        // Without an instance there is nothing that the key would open.
        expect(await asking.getByRole('button', { name: 'Create API Key' }).isDisabled()).toBe(true)
        // Those on which this member has a role, and no others.
        expect(await asking.getByLabel('Instance').getByRole('option').allTextContents()).toEqual(['Choose an instance', 'I1'])
        await asking.getByLabel('Instance').selectOption({ label: 'I1' })
      }
      const dialog = dialogOf(page, 'Create API key for Functions - I1')
      const create = dialog.getByRole('button', { name: 'Create API Key' })
      await dialog.getByLabel('API Key Name').fill(' ')
      expect(await create.isDisabled()).toBe(true)
      await dialog.getByLabel('API Key Name').fill(name)
      await create.click()
      const text = (await shownOnce(page).locator('.plaintext').textContent()) ?? ''
      expect(await server.verify(text, company.I1)).toMatchObject({ valid: true })
      await closeAnyway(shownOnce(page))
      await rowOf(page, name).getByText('New', { exact: true }).waitFor()
      await tabOf(page, 'Active', before + 1).waitFor()
      // The row shows by which characters the key is known, and no more of it.
      const { hint } = await keyNamed(name)
      expect(await rowOf(page, name).getByRole('cell', { name: hint, exact: true }).count()).toBe(1)
    })

    test('each preset is so many days, and a preset beyond the maximum cannot be chosen', async () => {
      const { page } = await browser.visit(server, 'ownA', { path: pathOf(company), timezoneId: 'UTC' })
      for (const days of presets) {
        const dialog = await beginKey(page, `${days} days in ${view}`, asks ? 'I2' : undefined)
        await dialog.getByText(`${days} days`, { exact: true }).click()
        expect(await dialog.getByRole('radio', { name: '90 days' }).isDisabled()).toBe(true)
        const end = new Date(server.time.now.getTime() + days * day)
        const words = end.toLocaleDateString('en-US', { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric', timeZone: 'UTC' })
        await dialog.getByText(new RegExp(`Stops working on ${words}, \\d\\d:\\d\\d \\(UTC\\)\\.`)).waitFor()
        await dialog.getByText('At most 70 days.').waitFor()
        await dialog.getByRole('button', { name: 'Create API Key' }).click()
        await closeAnyway(shownOnce(page))
        const { createdAt, expiresAt } = await keyNamed(`${days} days in ${view}`)
        expect([days, Date.parse(expiresAt) - Date.parse(createdAt)]).toEqual([days, days * day])
      }
    })

    test('a picked day ends at its end on the clock of the reader, and only days that the server takes can be picked', async () => {
      const { page } = await browser.visit(server, 'ownA', { path: pathOf(company), timezoneId: 'UTC' })
      const name = `picked in ${view}`
      const dialog = await beginKey(page, name, asks ? 'I2' : undefined)
      await dialog.getByText('Date', { exact: true }).click()
      expect(await dialog.getByRole('button', { name: 'Create API Key' }).isDisabled()).toBe(true)
      await dialog.getByText('Pick the last day on which it works.').waitFor()
      const labelOf = (time: number) => {
        const at = new Date(time)
        return `${at.getUTCDate()} ${at.toLocaleDateString('en-US', { month: 'long', timeZone: 'UTC' })} ${at.getUTCFullYear()}`
      }
      /** The button of a day, after the calendar was turned to its month. */
      const dayAt = async (time: number) => {
        const month = new Date(time).toLocaleDateString('en-US', { month: 'long', year: 'numeric', timeZone: 'UTC' })
        const shown = dialog.getByRole('button', { name: /^[A-Z][a-z]+ \d{4}$/ })
        while ((await shown.textContent()) !== month) {
          const turn = Date.parse(`1 ${await shown.textContent()} UTC`) > time ? 'Previous month' : 'Next month'
          await dialog.getByRole('button', { name: turn }).click()
        }
        return dialog.getByRole('button', { name: labelOf(time), exact: true })
      }
      const today = Date.parse(new Date().toISOString().slice(0, 10))
      // The end of the seventieth day would be beyond seventy times 24 hours.
      for (const [within, beyond, turn] of [
        [0, -1, 'Previous month'],
        [69, 70, 'Next month'],
      ] as const) {
        expect([within, await (await dayAt(today + within * day)).isEnabled()]).toEqual([within, true])
        // Beyond a bound there is a day that cannot be pressed, or no way to its month.
        const isSameMonth = new Date(today + within * day).getUTCMonth() === new Date(today + beyond * day).getUTCMonth()
        const button = dialog.getByRole('button', { name: isSameMonth ? labelOf(today + beyond * day) : turn, exact: true })
        expect([beyond, await button.isDisabled()]).toEqual([beyond, true])
      }
      await (await dayAt(today + 69 * day)).click()
      await dialog.getByText(/Stops working on .*, 23:59 \(UTC\)\./).waitFor()
      await dialog.getByRole('button', { name: 'Create API Key' }).click()
      await closeAnyway(shownOnce(page))
      expect(Date.parse((await keyNamed(name)).expiresAt)).toBe(today + 70 * day - 1)
    })
  })
}

test('what the server refuses is said at the field that it refuses, and the rest of the input stays', async () => {
  const { page } = await browser.visit(server, 'ownA', { path: keyViews[0][1](company) })
  const dialog = await beginKey(page, 'zero\u200bwidth')
  await dialog.getByText('60 days', { exact: true }).click()
  await dialog.getByRole('button', { name: 'Create API Key' }).click()
  const field = dialog.getByLabel('API Key Name')
  await dialog.getByText(/must not contain control characters/).waitFor()
  expect(await field.getAttribute('aria-invalid')).toBe('true')
  expect(await dialog.getByRole('radio', { name: '60 days' }).isChecked()).toBe(true)
  await field.fill('mended')
  await dialog.getByRole('button', { name: 'Create API Key' }).click()
  await closeAnyway(shownOnce(page))
  const { createdAt, expiresAt } = await keyNamed('mended')
  expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(60 * day)
})

test('the keys of all apps, and those of a deleted instance, are places where no key can be created', async () => {
  const { page } = await browser.visit(server, 'ownA', { path: '/keys' })
  await page.getByRole('heading', { level: 1, name: /^API Keys/ }).waitFor()
  await page.getByRole('tab', { name: /^Active \d+$/ }).waitFor()
  expect(await page.getByRole('button', { name: 'Create API Key' }).count()).toBe(0)
  const { ports } = server.app
  const { instanceId } = await createAppInstance(ports, company.members.ownA, { appId: company.appId, name: 'Gone' })
  await company.createKey('ownA', instanceId)
  await deleteAppInstance(ports, company.members.ownA, { id: instanceId, acknowledged: true })
  const { page: other } = await browser.visit(server, 'ownA', { path: `/apps/functions/instances/${instanceId}/keys` })
  await tabOf(other, 'Orphaned', 1).waitFor()
  expect(await other.getByRole('button', { name: 'Create API Key' }).count()).toBe(0)
})
