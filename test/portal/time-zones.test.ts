import type { Locator, Page } from 'playwright-core'
import { describe, expect, test, vi } from 'vitest'
import { browserOfFile } from '../support/browser.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { beginKey, closeAnyway, shownOnce } from '../support/portal.ts'

const maxDays = 100
const { server, company } = await companyOfFile({ MAX_KEY_LIFETIME_DAYS: String(maxDays) })
const strict = await companyOfFile({ MAX_KEY_LIFETIME_DAYS: '20' })
const browser = browserOfFile()
// Several browsers on a machine under load take their time.
vi.setConfig({ testTimeout: 240_000 })

const dayMs = 86_400_000
const path = `/apps/functions/instances/${company.I1}/keys`

/** On the clock of a zone: `2027-03-28 23:59:59`. */
const clockOf = (time: number, timeZone: string): string => new Date(time).toLocaleString('sv-SE', { timeZone })
const dayOf = (time: number, timeZone: string): string => clockOf(time, timeZone).slice(0, 10)

/** Another day of the calendar: `2027-03-28`. */
const plus = (day: string, days: number): string => new Date(Date.parse(day) + days * dayMs).toISOString().slice(0, 10)

/** Opens the portal in a zone at a moment, which is the server's too. */
async function visit(timezoneId: string, now: string): Promise<Page> {
  server.time.now = new Date(now)
  return (await browser.visit(server, 'devA', { path, timezoneId, now: server.time.now })).page
}

const write = (day: string, options: Intl.DateTimeFormatOptions): string => new Date(day).toLocaleDateString('en-GB', { ...options, timeZone: 'UTC' })

/** Brings the month of a day into sight. */
async function turnTo(dialog: Locator, day: string): Promise<Locator> {
  const month = dialog.getByText(write(day, { month: 'long', year: 'numeric' }), { exact: true })
  while (!(await month.isVisible())) await dialog.getByRole('button', { name: 'Next month' }).click()
  return dialog.getByRole('button', { name: write(day, { day: 'numeric', month: 'long', year: 'numeric' }), exact: true })
}

/** Whether a day beside the first or the last can be picked: in the month in sight, or by way of the button to its month. */
async function canPick(dialog: Locator, day: string, way: string): Promise<boolean> {
  const isInSight = await dialog.getByText(write(day, { month: 'long', year: 'numeric' }), { exact: true }).isVisible()
  const name = isInSight ? write(day, { day: 'numeric', month: 'long', year: 'numeric' }) : way
  return dialog.getByRole('button', { name, exact: true }).isEnabled()
}

/** Picks a day; returns what the dialog then says about the end. */
async function pick(dialog: Locator, day: string): Promise<string> {
  await dialog.getByRole('radio', { name: 'Date' }).check()
  await (await turnTo(dialog, day)).click()
  return said(dialog)
}

const said = async (dialog: Locator): Promise<string> => (await dialog.getByText(/^Stops working on/).textContent()) ?? ''

/** Creates the key and says when it ends by the server's answer to a program. */
async function createIn(page: Page, dialog: Locator, name: string, at = server): Promise<{ createdAt: number; expiresAt: number; shown: string }> {
  await dialog.getByRole('button', { name: 'Create API Key' }).click()
  const shown = (await shownOnce(page).textContent()) ?? ''
  await closeAnyway(shownOnce(page))
  const answer = await at.post({ query: `{ apiKeys(filter: { search: "${name}" }) { edges { node { createdAt expiresAt } } } }` }, as('devA'))
  const { data } = (await answer.json()) as { data: { apiKeys: { edges: { node: { createdAt: string; expiresAt: string } }[] } } }
  const [edge, ...others] = data.apiKeys.edges
  if (!edge || others.length > 0) throw new Error(`${data.apiKeys.edges.length} keys have the name ${name}`)
  return { createdAt: Date.parse(edge.node.createdAt), expiresAt: Date.parse(edge.node.expiresAt), shown }
}

const english = (day: string): string =>
  new Date(day).toLocaleDateString('en-US', { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric', timeZone: 'UTC' })

// The moment is another day on each side of the date line; in Berlin and Santiago the clocks change while the key lives. Santiago's go back at midnight.
describe.each([
  ['Pacific/Honolulu', '2027-03-20T10:30:00Z', ['2027-03-20', '2027-03-28', '2027-06-01'], ['UTC-10', 'UTC-10', 'UTC-10']],
  ['Pacific/Kiritimati', '2027-03-20T10:30:00Z', ['2027-03-21', '2027-03-28', '2027-06-01'], ['UTC+14', 'UTC+14', 'UTC+14']],
  ['Europe/Berlin', '2027-03-20T23:30:00Z', ['2027-03-21', '2027-03-27', '2027-03-28', '2027-03-29'], ['UTC+1', 'UTC+1', 'UTC+2', 'UTC+2']],
  ['Europe/Berlin', '2027-10-20T12:00:00Z', ['2027-10-30', '2027-10-31', '2027-11-01'], ['UTC+2', 'UTC+1', 'UTC+1']],
  ['America/Santiago', '2027-03-20T12:00:00Z', ['2027-04-02', '2027-04-03', '2027-04-04'], ['UTC-3', 'UTC-4', 'UTC-4']],
  ['America/Santiago', '2027-08-20T12:00:00Z', ['2027-09-04', '2027-09-05'], ['UTC-4', 'UTC-3']],
])('in %s at %s', (zone, now, days, offsets) => {
  test('a picked day ends at its end on the clock of who picked it, and the dialogs say so in words', async () => {
    const page = await visit(zone, now)
    for (const [index, day] of days.entries()) {
      const name = `${zone} ${day}`
      const dialog = await beginKey(page, name)
      const words = await pick(dialog, day)
      const { expiresAt, shown } = await createIn(page, dialog, name)
      expect([clockOf(expiresAt, zone), clockOf(expiresAt + 1, zone)]).toEqual([`${day} 23:59:59`, expect.stringContaining(plus(day, 1))])
      const end = `${english(day)}, 23:59 (${zone}, ${offsets[index]})`
      expect([words, shown]).toEqual([expect.stringContaining(`Stops working on ${end}.`), expect.stringContaining(end)])
    }
  })

  test('the last day that can be picked is the last whose end the server accepts, and the first is today', async () => {
    const page = await visit(zone, now)
    const limit = Date.parse(now) + maxDays * dayMs
    const [today, last] = [dayOf(Date.parse(now), zone), plus(dayOf(limit, zone), -1)]
    const name = `the last of ${zone} ${now}`
    const dialog = await beginKey(page, name)
    await dialog.getByRole('radio', { name: 'Date' }).check()
    expect(await (await turnTo(dialog, today)).isEnabled()).toBe(true)
    expect(await canPick(dialog, plus(today, -1), 'Previous month')).toBe(false)
    expect(await (await turnTo(dialog, last)).isEnabled()).toBe(true)
    expect(await canPick(dialog, plus(last, 1), 'Next month')).toBe(false)
    await pick(dialog, last)
    const { expiresAt } = await createIn(page, dialog, name)
    expect(dayOf(expiresAt, zone)).toBe(last)
    expect([expiresAt <= limit, expiresAt + dayMs > limit]).toEqual([true, true])
  })

  test('presets end after so many times 24 hours, which the dialog says on the clock of the zone', async () => {
    const page = await visit(zone, now)
    for (const days of [7, 30, 60, 90]) {
      const name = `${days} days in ${zone} from ${now}`
      const dialog = await beginKey(page, name)
      await dialog.getByRole('radio', { name: `${days} days` }).check()
      const words = await said(dialog)
      const { createdAt, expiresAt } = await createIn(page, dialog, name)
      expect([createdAt, expiresAt]).toEqual([Date.parse(now), Date.parse(now) + days * dayMs])
      const [day = '', clock = ''] = clockOf(expiresAt, zone).split(' ')
      expect(words).toContain(`Stops working on ${english(day)}, ${clock.slice(0, 5)} (${zone}, UTC`)
    }
  })
})

test('presets beyond the maximum cannot be chosen, and a key ends at the maximum where that is less than the usual', async () => {
  const { page } = await browser.visit(strict.server, 'devA', { path: `/apps/functions/instances/${strict.company.I1}/keys` })
  const dialog = await beginKey(page, 'short')
  const offered: string[] = []
  for (const days of [7, 30, 60, 90]) {
    if (await dialog.getByRole('radio', { name: `${days} days` }).isEnabled()) offered.push(`${days} days`)
  }
  expect(offered).toEqual(['7 days'])
  expect(await said(dialog)).toContain('At most 20 days.')
  const { createdAt, expiresAt } = await createIn(page, dialog, 'short', strict.server)
  expect(expiresAt - createdAt).toBe(20 * dayMs)
})

test('where the clock of the page is ahead, the refusal of the server stands at the field, and another day is taken', async () => {
  server.time.now = new Date('2027-03-27T10:30:00Z')
  const ahead = new Date(server.time.now.getTime() + 3 * dayMs)
  const { page } = await browser.visit(server, 'devA', { path, timezoneId: 'Pacific/Kiritimati', now: ahead })
  const last = plus(dayOf(ahead.getTime() + maxDays * dayMs, 'Pacific/Kiritimati'), -1)
  const dialog = await beginKey(page, 'too long')
  await pick(dialog, last)
  await dialog.getByRole('button', { name: 'Create API Key' }).click()
  await dialog.getByRole('radiogroup').getByRole('alert').filter({ hasText: 'at most 100 days away' }).waitFor()
  await pick(dialog, plus(last, -3))
  const { expiresAt } = await createIn(page, dialog, 'too long')
  expect(dayOf(expiresAt, 'Pacific/Kiritimati')).toBe(plus(last, -3))
})
