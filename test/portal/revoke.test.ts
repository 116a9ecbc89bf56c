import type { Page } from 'playwright-core'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Actor } from '../../src/access/actor.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { browserOfFile } from '../support/browser.ts'
import { companyOfFile } from '../support/file-server.ts'
import { dialogOf, holdOperation, keyViews, rowOf, tabOf } from '../support/portal.ts'

const { server, company } = await companyOfFile()
const browser = browserOfFile()
const { ports } = server.app
const { ownA } = company.members

beforeEach(() => {
  server.time.now = new Date()
})

/** A new member who is a user of an instance and has a key there. */
async function newcomer(name: string, instanceId = company.I1): Promise<{ keyId: string; leave: () => Promise<unknown> }> {
  const subject = name.replaceAll(' ', '.')
  const { memberId } = await addMember(ports, ownA, { subject, name, role: 'MEMBER' })
  await setInstanceAccess(ports, ownA, { instanceId, memberId, role: 'USER' })
  const actor: Actor = { ...company.members.dev2A, subject, memberId }
  const { keyId } = await createApiKey(ports, actor, { instanceId, name: `key of ${name}`, expiresInDays: 30 })
  return { keyId, leave: () => removeMember(ports, ownA, { id: memberId, acknowledged: true }) }
}

const trash = (page: Page, name: string) => page.getByRole('button', { name: `Revoke ${name}`, exact: true })

/** Ticks the agreement, without which nothing can be revoked, and revokes. */
async function agree(page: Page, title: string): Promise<void> {
  const dialog = dialogOf(page, title)
  const revoke = dialog.getByRole('button', { name: 'Revoke', exact: true })
  expect(await revoke.isDisabled()).toBe(true)
  const agreement = dialog.getByRole('checkbox', { name: /^I understand/ })
  await agreement.check()
  await agreement.uncheck()
  expect(await revoke.isDisabled()).toBe(true)
  await agreement.check()
  await revoke.click()
}

for (const [view, pathOf, isApp] of keyViews) {
  describe(view, () => {
    const path = pathOf(company)

    test('an active key is revoked after an agreement, and nothing says so before the server does', async () => {
      const name = `revoked in ${view}`
      const { id, plaintext } = await company.createKey('devA', company.I1, name)
      await ports.keys.recordUses([{ keyId: id, usedAt: new Date() }])
      const { page } = await browser.visit(server, 'devA', { path })
      await trash(page, name).click()
      const dialog = dialogOf(page, 'Revoke API key')
      await dialog.getByText('In use: just now').waitFor()
      await dialog.getByText('I1, Functions').waitFor()
      await dialog.getByText(/This can't be undone/).waitFor()
      // The answer waits: the row stays what it was.
      const held = await holdOperation(page, 'PortalRevokeApiKeys')
      await agree(page, 'Revoke API key')
      await held.arrived
      await page.keyboard.press('Escape')
      expect([await dialog.isVisible(), await rowOf(page, name).count()]).toEqual([true, 1])
      expect(await server.verify(plaintext, company.I1)).toMatchObject({ valid: true })
      held.letGo()
      const done = dialogOf(page, 'API key revoked')
      await done.getByText(/In force on every node \(1 node, after \d+ ms\)/).waitFor()
      expect(await server.verify(plaintext, company.I1)).toMatchObject({ valid: false })
      await done.getByRole('button', { name: 'Close', exact: true }).click()
      await rowOf(page, name).waitFor({ state: 'detached' })
      // It is still found, by a filter, and says who did it.
      await page.getByText('Show revoked').click()
      await rowOf(page, name).getByText('Revoked', { exact: true }).waitFor()
      await page.getByRole('button', { name: `Revoke ${name}: not possible. Revoked already, by devA.` }).waitFor()
    })

    test('an Aura Owner revokes an orphaned key, led there by a notice that others do not see', async () => {
      const name = `Orphan ${isApp ? 'of app' : 'of instance'}`
      const { leave } = await newcomer(name)
      await leave()
      const { page: member } = await browser.visit(server, 'devA', { path })
      await tabOf(member, 'Orphaned', 1).waitFor()
      expect(await member.getByText('1 orphaned key.').count()).toBe(0)

      const { page } = await browser.visit(server, 'auraA', { path })
      await page.getByText('1 orphaned key.').waitFor()
      await page.getByRole('link', { name: 'Review' }).click()
      await page.waitForURL('**/keys?tab=orphaned')
      expect(await tabOf(page, 'Orphaned', 1).getAttribute('aria-selected')).toBe('true')
      expect(await page.getByText('1 orphaned key.').count()).toBe(0)
      const row = rowOf(page, `key of ${name}`)
      await row.getByText('Creator removed').waitFor()
      await row.getByText('just now').first().waitFor()
      await row.getByText('(removed)').waitFor()
      await trash(page, `key of ${name}`).click()
      await agree(page, 'Revoke API key')
      const done = dialogOf(page, 'API key revoked')
      await done.getByText('In force on every node').waitFor()
      await done.getByRole('button', { name: 'Close', exact: true }).click()
      await page.getByText('No orphaned keys').waitFor()
      await tabOf(page, 'Orphaned', 0).waitFor()
      await tabOf(member, 'Orphaned', 0).waitFor()
    })

    test('an Owner of the instance may not revoke an orphaned key: the icon can be focused, and says why and whom to ask', async () => {
      const name = `Left ${isApp ? 'app' : 'instance'}`
      const { keyId, leave } = await newcomer(name)
      await leave()
      const { page } = await browser.visit(server, 'devA', { path: `${path}?tab=orphaned` })
      const why = 'Only Owners and Aura Owners revoke orphaned keys. Ask one of Organization a.'
      const icon = page.getByRole('button', { name: `Revoke key of ${name}: not possible. ${why}` })
      await icon.focus()
      expect(await page.evaluate('document.activeElement.ariaLabel')).toContain(why)
      expect(await icon.getAttribute('aria-disabled')).toBe('true')
      await page.getByRole('tooltip').getByText(why).waitFor()
      await page.keyboard.press('Enter')
      await icon.click({ force: true })
      expect(await page.getByRole('dialog').count()).toBe(0)
      // Nor together with others.
      expect(await page.getByRole('checkbox', { name: `Select key of ${name}` }).count()).toBe(0)
      await revokeApiKeys(ports, ownA, { ids: [keyId], acknowledged: true })
    })
  })
}

test('several keys are revoked together, and each says what became of it', async () => {
  const { instanceId } = await createAppInstance(ports, ownA, { appId: company.appId, name: 'Doomed' })
  await setInstanceAccess(ports, ownA, { instanceId, memberId: company.members.devA.memberId, role: 'OWNER' })
  await company.createKey('devA', company.I1, 'goes one')
  await company.createKey('devA', company.I1, 'goes two')
  await company.createKey('devA', instanceId, 'out of sight')
  const { keyId, leave } = await newcomer('Gone')
  const { page } = await browser.visit(server, 'devA', { path: '/apps/functions/keys' })
  for (const name of ['goes one', 'goes two', 'out of sight', 'key of Gone']) await page.getByRole('checkbox', { name: `Select ${name}`, exact: true }).check()
  await page.getByText('4 selected').waitFor()
  await page.getByRole('button', { name: 'Revoke selected' }).click()
  // Who thinks better of it still has them selected.
  await dialogOf(page, 'Revoke 4 API keys').getByRole('button', { name: 'Cancel' }).click()
  await page.getByText('4 selected').waitFor()
  await page.getByRole('button', { name: 'Revoke selected' }).click()
  // Meanwhile one becomes an orphan, and the instance of another is deleted.
  await leave()
  await deleteAppInstance(ports, ownA, { id: instanceId, acknowledged: true })
  await agree(page, 'Revoke 4 API keys')
  const done = dialogOf(page, 'Revoked 2 of 4')
  const outcomes = done.getByRole('listitem')
  for (const [name, outcome] of [
    ['goes one', 'Revoked'],
    ['goes two', 'Revoked'],
    ['out of sight', 'Not revoked: you may not see it any more'],
    ['key of Gone', 'Not revoked: you may not revoke it'],
  ] as const) {
    await outcomes.filter({ hasText: name }).getByText(outcome, { exact: true }).waitFor()
  }
  await done.getByText('2 keys open nothing any more.').waitFor()
  await done.getByRole('button', { name: 'Close', exact: true }).click()
  for (const name of ['goes one', 'goes two', 'out of sight', 'key of Gone']) await rowOf(page, name).waitFor({ state: 'detached' })
  await revokeApiKeys(ports, ownA, { ids: [keyId], acknowledged: true })
})

test('all that the viewer may revoke are selected at once, and no others', async () => {
  await company.createKey('ownA', company.I1, 'of an owner')
  await company.createKey('dev2A', company.I1, 'of the user')
  const { page } = await browser.visit(server, 'dev2A', { path: keyViews[0][1](company) })
  await rowOf(page, 'of an owner').waitFor()
  await page.getByRole('checkbox', { name: 'Select all that you may revoke' }).check()
  await page.getByText('1 selected').waitFor()
  expect(await page.getByRole('checkbox', { name: 'Select of an owner' }).count()).toBe(0)
  await page.getByRole('button', { name: 'Revoke of an owner: not possible. ownA created this key. Ask them, or an Owner of I1.' }).waitFor()
  await page.getByRole('button', { name: 'Revoke selected' }).click()
  await agree(page, 'Revoke API key')
  await dialogOf(page, 'API key revoked').getByText('of the user opens nothing any more.').waitFor()
})

test('a failure is said in the dialog, with the number under which the server has it, and can be tried again', async () => {
  await company.createKey('devA', company.I1, 'fails first')
  const { page } = await browser.visit(server, 'devA', { path: keyViews[0][1](company) })
  let failures = 0
  await page.route('**/graphql', async (route) => {
    if (!route.request().postData()?.includes('PortalRevokeApiKeys') || failures++ > 0) return route.continue()
    await route.fulfill({
      json: { errors: [{ message: 'It failed.', path: ['revokeApiKeys'], extensions: { code: 'INTERNAL', requestId: 'r-17' } }], data: null },
    })
  })
  await trash(page, 'fails first').click()
  await agree(page, 'Revoke API key')
  const dialog = dialogOf(page, 'Revoke API key')
  await dialog.getByRole('alert').getByText('The key was not revoked.').waitFor()
  await dialog.getByText('Request r-17').waitFor()
  await dialog.getByRole('button', { name: 'Revoke', exact: true }).click()
  await dialogOf(page, 'API key revoked').getByText('fails first opens nothing any more.').waitFor()
})
