import { expect, test, vi } from 'vitest'
import { browserOfFile, type Visitor } from '../support/browser.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'

const maxDays = 200
const { server, company } = await companyOfFile({ MAX_KEY_LIFETIME_DAYS: String(maxDays) })
const browser = browserOfFile()
// Several browsers on a machine under load take their time.
vi.setConfig({ testTimeout: 240_000 })
const day = 86_400_000

const zones = ['Pacific/Honolulu', 'Pacific/Kiritimati', 'Europe/Berlin'] as const

/** What a clock on the wall of a zone shows: `2027-06-15 23:59`. */
function wall(time: number, timeZone: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' }).format(time)
}

/** The day of a zone's calendar. */
const dayOf = (time: number, zone: string): string => wall(time, zone).slice(0, 10)

const endOfKey = async (name: string): Promise<number> => {
  const query = `{ apiKeys(filter: { search: "${name}" }, first: 1) { edges { node { expiresAt } } } }`
  const answer = (await (await server.post({ query }, as('ownA'))).json()) as { data: { apiKeys: { edges: { node: { expiresAt: string } }[] } } }
  return Date.parse(answer.data.apiKeys.edges[0]?.node.expiresAt ?? '')
}

async function openDialog(zone: string): Promise<Visitor> {
  const visitor = await browser.visit(server, 'ownA', { path: `/apps/functions/instances/${company.I1}/keys`, timezoneId: zone })
  await visitor.page.getByRole('button', { name: 'Create API Key' }).first().click()
  await visitor.page.getByRole('dialog').waitFor()
  return visitor
}

const pieces = (date: string) => {
  const time = new Date(`${date}T12:00:00Z`)
  const format = (options: Intl.DateTimeFormatOptions) => time.toLocaleDateString('en-US', { ...options, timeZone: 'UTC' })
  return {
    label: `${time.getUTCDate()} ${format({ month: 'long' })} ${time.getUTCFullYear()}`,
    words: format({ weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }),
  }
}

/** Goes to the month of a day. */
async function turnTo({ page }: Visitor, date: string, zone: string): Promise<void> {
  const [year = 0, month = 0] = date.split('-').map(Number)
  const [thisYear = 0, thisMonth = 0] = dayOf(Date.now(), zone).split('-').map(Number)
  for (let left = (year - thisYear) * 12 + month - thisMonth; left > 0; left--) await page.getByRole('button', { name: 'Next month' }).click()
}

async function create({ page }: Visitor, name: string): Promise<number> {
  await page.getByLabel('API Key Name').fill(name)
  await page.getByRole('dialog').getByRole('button', { name: 'Create API Key' }).click()
  await page.getByRole('button', { name: 'Copy API Key' }).waitFor()
  return endOfKey(name)
}

/** The last day that ends within the maximum, and the first that does not. */
const edgeOf = (zone: string): [last: string, beyond: string] => [dayOf(Date.now() + (maxDays - 1) * day, zone), dayOf(Date.now() + maxDays * day, zone)]

test.each(zones)('in %s a picked day ends at its end on the clock of the reader, and the dialog says so with the zone', async (zone) => {
  const visitor = await openDialog(zone)
  const { page } = visitor
  await page.getByText('Date', { exact: true }).click()
  // In Berlin, summer time begins between now and the last day that can be picked.
  const [last] = edgeOf(zone)
  const { label, words } = pieces(last)
  await turnTo(visitor, last, zone)
  await page.getByRole('button', { name: label, exact: true }).click()
  const said = await page.locator('#expiration-words').textContent()
  expect(said).toContain(`${words}, 23:59`)
  expect(said).toContain(zone)
  const end = await create(visitor, `picked-${zone.slice(-6)}`)
  expect(wall(end, zone)).toBe(`${last} 23:59`)
  expect(wall(end + 60_000, zone).slice(11)).toBe('00:00')
})

test.each(zones)('in %s the picker ends at the last day that the server takes, and begins today', async (zone) => {
  const visitor = await openDialog(zone)
  const { page } = visitor
  await page.getByText('Date', { exact: true }).click()
  const today = dayOf(Date.now(), zone)
  await page.getByRole('button', { name: pieces(today).label, exact: true }).click()
  expect(await page.locator('#expiration-words').textContent()).toContain(pieces(today).words)
  const [last, beyond] = edgeOf(zone)
  await turnTo(visitor, last, zone)
  expect(await page.getByRole('button', { name: pieces(last).label, exact: true }).isEnabled()).toBe(true)
  const later = page.getByRole('button', { name: pieces(beyond).label, exact: true })
  // Where the month changes between the two, there is no way to the next.
  if (last.slice(0, 7) === beyond.slice(0, 7)) expect(await later.isDisabled()).toBe(true)
  else expect(await page.getByRole('button', { name: 'Next month' }).isDisabled()).toBe(true)
})

test.each(zones)('in %s each preset ends that many days after the moment of creation', async (zone) => {
  for (const days of [7, 30, 60, 90]) {
    const visitor = await openDialog(zone)
    await visitor.page.getByText(`${days} days`, { exact: true }).click()
    const end = await create(visitor, `${days}-${zone.slice(-6)}`)
    expect(end - server.time.now.getTime()).toBe(days * day)
    await visitor.context.close()
  }
})
