import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { expireKeys } from '../../src/keys/expire-keys.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { browserOfFile } from '../support/browser.ts'
import type { Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { keyViews, namesIn, rowOf, tabOf } from '../support/portal.ts'

const { server, company } = await companyOfFile()
const browser = browserOfFile()
const { ports } = server.app
const minute = 60_000
const day = 1440 * minute
const now = Math.floor(Date.now() / 1000) * 1000

interface Made {
  readonly by?: Person
  /** Days until it ends. */
  readonly ends?: number
  /** Minutes since it was created, and since it was used. */
  readonly age: number
  readonly used?: number
}

/** The keys of I1 that tell the filters and orders apart; none of two have the same place in any order. */
const keys: Readonly<Record<string, Made>> = {
  amber: { ends: 13.9, age: 4, used: 3 },
  beryl: { ends: 14.1, age: 60 * 24 * 70, used: 60 * 24 * 65 },
  coral: { by: 'devA', ends: 90, age: 60 * 24 * 50, used: 60 * 24 * 45 },
  diamond: { by: 'dev2A', ends: 60, age: 3, used: 1 },
}

beforeAll(async () => {
  for (const [name, { by = 'auraA', ends = 30, age, used }] of Object.entries(keys)) {
    server.time.now = new Date(now - age * minute)
    const expiresAt = new Date(now + ends * day)
    const { keyId } = await createApiKey(ports, company.members[by], { instanceId: company.I1, name, expiresAt })
    if (used !== undefined) await ports.keys.recordUses([{ keyId, usedAt: new Date(now - used * minute) }])
  }
  // More than a page, in another instance.
  for (let index = 0; index < 28; index++) {
    server.time.now = new Date(now - (100 - index) * minute)
    await company.createKey('ownA', company.I2, `many ${String(index).padStart(2, '0')}`, 200)
  }
  server.time.now = new Date(now)
})

/** Waits until the list has exactly these names in this order. */
const lists = (page: Page, names: readonly string[]) => expect.poll(() => namesIn(page), { timeout: 20_000 }).toEqual(names)
const parametersOf = (page: Page): string => new URL(page.url()).search

const newestFirst = ['diamond', 'amber', 'coral', 'beryl']
for (const [view, pathOf] of keyViews) {
  describe(view, () => {
    const path = pathOf(company)

    test('a search by a part of a name or of the hint is in the address, replaces it, and survives a reload', async () => {
      const { page } = await browser.visit(server, 'devA', { path })
      await lists(page, newestFirst)
      const hint = (await rowOf(page, 'coral').locator('td code').textContent()) ?? ''
      const search = page.getByRole('searchbox', { name: 'Name or key hint' })
      const length = await page.evaluate('history.length')
      await search.fill('BER')
      await lists(page, ['amber', 'beryl'])
      expect(parametersOf(page)).toBe('?q=BER')
      await page.reload()
      await lists(page, ['amber', 'beryl'])
      expect(await search.inputValue()).toBe('BER')
      await search.fill(hint.slice(-4))
      await expect.poll(async () => (await namesIn(page)).includes('coral'), { timeout: 20_000 }).toBe(true)
      await search.fill('no such key')
      await page.getByText('No key matches').waitFor()
      await page.getByRole('button', { name: 'Remove the filters' }).click()
      await lists(page, newestFirst)
      // Each letter was no step: Back goes to where the search began, in one step.
      expect(await page.evaluate('history.length')).toBe(Number(length) + 1)
    })

    test('the filters are in the address, "Me" comes first, and Back takes them off one by one', async () => {
      const { page } = await browser.visit(server, 'devA', { path })
      await lists(page, newestFirst)
      const creators = page.getByRole('combobox', { name: 'Created by' })
      await expect.poll(() => creators.getByRole('option').count(), { timeout: 20_000 }).toBe(6)
      expect((await creators.getByRole('option').allTextContents()).slice(0, 2)).toEqual(['Created by', 'Me (devA)'])
      await creators.selectOption({ label: 'Me (devA)' })
      await lists(page, ['coral'])
      expect(parametersOf(page)).toBe(`?by=${company.members.devA.memberId}`)
      await page.getByRole('combobox', { name: 'Last used' }).selectOption({ label: 'Not in 60 days' })
      await page.getByText('No key matches').waitFor()
      expect(parametersOf(page)).toBe(`?by=${company.members.devA.memberId}&unused=60`)
      await page.goBack()
      await lists(page, ['coral'])
      await page.goBack()
      await lists(page, newestFirst)
      expect(parametersOf(page)).toBe('')
      for (const [days, names] of [
        [30, ['coral', 'beryl']],
        [60, ['beryl']],
        [90, []],
      ] as const) {
        await page.getByRole('combobox', { name: 'Last used' }).selectOption({ label: `Not in ${days} days` })
        await lists(page, names)
      }
    })

    test('the sorts that the contract has are in the address and said to screen readers, and Back undoes them', async () => {
      const { page } = await browser.visit(server, 'devA', { path })
      await lists(page, newestFirst)
      const sortedBy = () =>
        page
          .getByRole('columnheader')
          .and(page.locator('[aria-sort]'))
          .evaluateAll((cells) => cells.map((cell) => [cell.textContent?.trim(), cell.getAttribute('aria-sort')]))
      expect(await sortedBy()).toEqual([['Created', 'descending']])
      for (const [column, sort, direction, names] of [
        ['Name', 'name', 'ascending', ['amber', 'beryl', 'coral', 'diamond']],
        ['Expires', 'expires', 'ascending', ['amber', 'beryl', 'diamond', 'coral']],
        ['Last used', '-used', 'descending', ['diamond', 'amber', 'coral', 'beryl']],
        ['Created', undefined, 'descending', newestFirst],
        ['Created', 'created', 'ascending', [...newestFirst].reverse()],
      ] as const) {
        await page.getByRole('button', { name: column, exact: true }).click()
        await lists(page, names)
        expect([await sortedBy(), parametersOf(page)]).toEqual([[[column, direction]], sort ? `?sort=${sort}` : ''])
      }
      await page.goBack()
      await lists(page, newestFirst)
      await page.goBack()
      await page.goBack()
      await lists(page, ['amber', 'beryl', 'diamond', 'coral'])
    })

    test('an end within 14 days is marked, a last use is relative, and the exact time of both is shown on focus', async () => {
      const { page } = await browser.visit(server, 'devA', { path, timezoneId: 'Pacific/Kiritimati' })
      const ends = (name: string) =>
        rowOf(page, name)
          .getByRole('cell')
          .filter({ has: page.locator(`time[datetime="${new Date(now + (keys[name]?.ends ?? 0) * day).toISOString()}"]`) })
      expect(await ends('amber').locator('.badge').textContent()).toBe('in 13 days')
      expect(await ends('beryl').locator('.badge').count()).toBe(0)
      const used = rowOf(page, 'amber')
        .getByText(/^\d+ min ago$/)
        .last()
      await used.locator('..').focus()
      await page
        .getByRole('tooltip')
        .getByText(`${new Date(now - 3 * minute).toISOString().slice(0, 19).replace('T', ' ')} UTC`)
        .waitFor()
      await page.keyboard.press('Escape')
      await page.getByRole('tooltip').waitFor({ state: 'detached' })
      await ends('amber').locator('.badge').focus()
      await page
        .getByRole('tooltip')
        .getByText(new Date(now + 13.9 * day).toISOString().slice(0, 10))
        .waitFor()
      await rowOf(page, 'coral').getByText('45 days ago').waitFor()
      await rowOf(page, 'coral').getByText('Idle').waitFor()
      expect(await rowOf(page, 'amber').getByText('Idle').count()).toBe(0)
    })

    test('an address that means nothing shows the list as if it were not there', async () => {
      const { page } = await browser.visit(server, 'devA', { path: `${path}?tab=nothing&sort=__proto__&unused=9e99&revoked=maybe` })
      await lists(page, newestFirst)
      await tabOf(page, 'Active', 4).waitFor()
    })
  })
}

for (const [view, path, total, newest] of [
  ['the view of the instance', `/apps/functions/instances/${company.I2}/keys`, 28, ['many 27', 'many 26']],
  ['the view of the app', '/apps/functions/keys', 32, ['diamond', 'amber']],
  ['the view of everything', '/keys', 32, ['diamond', 'amber']],
] as const) {
  test(`${view}: more than a page is loaded when it is asked for, and a key that comes meanwhile is marked and moves no row away`, async () => {
    const { page } = await browser.visit(server, 'ownA', { path })
    await page.getByText(`25 of ${total} active keys`).waitFor()
    const first = await namesIn(page)
    expect([first.length, first.slice(0, 2)]).toEqual([25, newest])
    await page.getByRole('button', { name: 'Load more' }).click()
    await page.getByText(`${total} of ${total} active keys`).waitFor()
    const all = await namesIn(page)
    expect([all.slice(0, 25), new Set(all).size]).toEqual([first, total])
    expect(await page.getByRole('button', { name: 'Load more' }).count()).toBe(0)
    server.time.now = new Date()
    const { id } = await company.createKey('auraA', company.I2, 'latecomer')
    await lists(page, ['latecomer', ...all])
    await rowOf(page, 'latecomer').getByText('New', { exact: true }).waitFor()
    await revokeApiKeys(ports, company.members.ownA, { ids: [id], acknowledged: true })
    await lists(page, all)
    // An order of its own begins with its first page.
    await page.getByRole('button', { name: 'Name', exact: true }).click()
    await lists(page, [...all].sort().slice(0, 25))
  })
}

test('the tabs are in the address, and each lists its own', async () => {
  const { I1 } = company
  server.time.now = new Date(now - 2 * day)
  await createApiKey(ports, company.members.devA, { instanceId: I1, name: 'over', expiresAt: new Date(now - day) })
  server.time.now = new Date()
  await expireKeys(ports)
  const { page } = await browser.visit(server, 'devA', { path: keyViews[0][1](company) })
  await lists(page, newestFirst)
  await tabOf(page, 'Expired', 1).click()
  await lists(page, ['over'])
  expect(parametersOf(page)).toBe('?tab=expired')
  await tabOf(page, 'Orphaned', 0).click()
  await page.getByText('A key becomes an orphan when its instance is deleted or its creator is removed.').waitFor()
  expect(parametersOf(page)).toBe('?tab=orphaned')
  await page.goBack()
  await lists(page, ['over'])
  await page.goBack()
  await lists(page, newestFirst)
})

test('each key leads those who read the audit log to its own activity, and others are led nowhere', async () => {
  const { page } = await browser.visit(server, 'auraA', { path: keyViews[0][1](company) })
  await page.getByRole('link', { name: 'Activity of amber' }).click()
  await page.getByRole('button', { name: /^Key amber\s*: remove this filter$/ }).waitFor()
  await expect.poll(() => page.getByRole('row').count(), { timeout: 20_000 }).toBe(2)
  await page.getByRole('row').getByText('Key created').waitFor()
  const { page: other } = await browser.visit(server, 'devA', { path: keyViews[0][1](company) })
  await lists(other, newestFirst)
  expect(await other.getByRole('link', { name: /^Activity/ }).count()).toBe(0)
})
