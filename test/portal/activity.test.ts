import type { Locator, Page } from 'playwright-core'
import { expect, test, vi } from 'vitest'
import { setMemberRole } from '../../src/members/set-member-role.ts'
import { browserOfFile } from '../support/browser.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { codeFor } from '../support/session.ts'

const { server, company } = await companyOfFile()
const browser = browserOfFile()
// Several browsers on a machine under load take their time.
vi.setConfig({ testTimeout: 240_000 })
const { I1, members } = company
const patience = { timeout: 20_000 }

const ask = async <Data>(query: string, person: Parameters<typeof as>[0] = 'ownA'): Promise<Data> => {
  const answer = (await (await server.post({ query }, as(person))).json()) as { data: Data; errors?: unknown }
  if (answer.errors) throw new Error(JSON.stringify(answer.errors))
  return answer.data
}

const entry = (page: Page, what: string, about: string): Locator =>
  page
    .getByRole('table', { name: 'Audit log' })
    .getByRole('row')
    .filter({ hasText: what })
    .filter({ has: page.getByText(about, { exact: true }) })

/** From now on it is so long ago that events are deleted which happen now. */
function goBack(): void {
  server.time.now = new Date(Date.now() - 100 * 86_400_000)
}

/** Deletes events that are old enough, as the retention of the audit log does. */
const forget = (): Promise<unknown> => server.sql("SELECT delete_events_before('infinity') AS deleted")

/** Signs somebody in whose sockets to the server wait until they are let go. */
async function visitCutOff(path: string): Promise<{ page: Page; letGo: () => void }> {
  const { page } = await browser.visit(server, null, { path: '/signin' })
  let letGo = (): void => undefined
  const released = new Promise<void>((resolve) => {
    letGo = resolve
  })
  await page.routeWebSocket(/graphql$/, async (socket) => {
    await released
    socket.connectToServer()
  })
  await page.goto(`${server.url}/portal${path}#code=${codeFor(server, 'ownA')}`)
  await page.getByRole('navigation').first().waitFor()
  return { page, letGo }
}

test('what happens appears in an open audit log at once and is marked, within the filters of its address', async () => {
  await company.createKey('devA', I1, 'from before')
  const [{ page }, filtered] = [await browser.visit(server, 'auraA', { path: '/activity' }), await browser.visit(server, 'ownA', { path: '/activity' })]
  await entry(page, 'Key created', 'from before').waitFor()
  await filtered.page.getByLabel('What').selectOption({ label: 'Secret revealed' })
  await filtered.page.getByText('Nothing matches').waitFor()
  expect(new URL(filtered.page.url()).search).toBe('?kind=SECRET_REVEALED')

  await company.createKey('devA', I1, 'at this moment')
  await entry(page, 'Key created', 'at this moment').waitFor()
  expect(await entry(page, 'Key created', 'at this moment').getAttribute('data-new')).toBe('true')
  expect(await entry(page, 'Key created', 'from before').getAttribute('data-new')).toBe('false')
  const saved = `mutation { createApiKey(input: { instanceId: "${I1}", name: "kept", expiresInDays: 9, saveAsSecret: { name: "KEPT" } }) { secret { id } } }`
  const { createApiKey } = await ask<{ createApiKey: { secret: { id: string } } }>(saved)
  await ask(`mutation { revealSecret(input: { id: "${createApiKey.secret.id}" }) { value } }`)
  await entry(filtered.page, 'Secret revealed', 'KEPT').waitFor()
  expect(await filtered.page.getByRole('table', { name: 'Audit log' }).getByRole('row').count()).toBe(2)

  await filtered.page.goBack()
  await entry(filtered.page, 'Key created', 'at this moment').waitFor()
})

test('the audit log of one key is a step away from the key', async () => {
  const { id } = await company.createKey('devA', I1, 'with a past')
  await ask(`mutation { revokeApiKey(input: { id: "${id}", acknowledged: true }) { propagation { nodes } } }`)
  const { page } = await browser.visit(server, 'ownA', { path: `/apps/functions/instances/${I1}/keys?revoked=1` })
  await page.getByRole('link', { name: 'Activity of with a past' }).click()
  await entry(page, 'Key revoked', 'with a past').waitFor()
  expect(new URL(page.url()).search).toBe(`?key=${id}`)
  expect(await page.getByRole('table', { name: 'Audit log' }).getByRole('row').count()).toBe(3)
  await page.getByRole('button', { name: /^Key with a past/ }).click()
  await entry(page, 'Key created', 'at this moment').waitFor()
})

test('nothing is missed that happens between the list and the feed', async () => {
  const { page, letGo } = await visitCutOff('/activity')
  await entry(page, 'Key created', 'from before').waitFor()
  await company.createKey('devA', I1, 'in between')
  letGo()
  await entry(page, 'Key created', 'in between').waitFor()
})

test('secrets that others save and delete come and go in the open list of an owner', async () => {
  const { page } = await browser.visit(server, 'ownA', { path: '/secrets' })
  const saved = `mutation { createApiKey(input: { instanceId: "${I1}", name: "theirs", expiresInDays: 9, saveAsSecret: { name: "THEIRS" } }) { secret { id } } }`
  const { createApiKey } = await ask<{ createApiKey: { secret: { id: string } } }>(saved, 'devA')
  await page.getByRole('rowheader', { name: 'THEIRS' }).waitFor()
  await ask(`mutation { deleteSecret(input: { id: "${createApiKey.secret.id}" }) { deletedSecretId } }`, 'devA')
  await page.getByRole('rowheader', { name: 'THEIRS' }).waitFor({ state: 'detached' })
})

test('whose role is changed finds what it gives and loses what it takes, without a reload', async () => {
  const { page } = await browser.visit(server, 'auraA', { path: '/access' })
  const give = (role: 'OWNER' | 'MEMBER' | 'AURA_OWNER') => setMemberRole(server.app.ports, members.ownA, { id: members.auraA.memberId, role })
  const [activity, add] = [page.getByRole('link', { name: 'Activity', exact: true }), page.getByRole('button', { name: 'Add member' })]
  await page.getByRole('rowheader', { name: 'devA' }).first().waitFor()
  expect([await activity.isVisible(), await add.isVisible()]).toEqual([true, false])
  await give('OWNER')
  await add.waitFor()
  await give('MEMBER')
  await activity.waitFor({ state: 'detached' })
  await expect.poll(() => add.isVisible(), patience).toBe(false)
  await give('AURA_OWNER')
})

test('where the feed cannot go on, because events are gone, the page reads anew and follows from there', async () => {
  goBack()
  await company.createKey('devA', I1, 'forgotten', 300)
  const { page, letGo } = await visitCutOff('/activity')
  await entry(page, 'Key created', 'forgotten').waitFor()
  await company.createKey('devA', I1, 'unheard of', 300)
  await forget()
  letGo()
  await entry(page, 'Key created', 'forgotten').waitFor({ state: 'detached' })
  await company.createKey('devA', I1, 'afterwards', 300)
  await entry(page, 'Key created', 'afterwards').waitFor()
})

test('a list of keys that cannot go on reads anew and follows from there too', async () => {
  goBack()
  await company.createKey('devA', I1, 'already there', 300)
  const { page, letGo } = await visitCutOff(`/apps/functions/instances/${I1}/keys`)
  await page.getByRole('rowheader', { name: 'already there' }).waitFor()
  await company.createKey('devA', I1, 'while it was cut off', 300)
  await forget()
  letGo()
  await page.getByRole('rowheader', { name: 'while it was cut off' }).waitFor()
  await company.createKey('devA', I1, 'and then', 300)
  await page.getByRole('rowheader', { name: 'and then' }).waitFor()
})
