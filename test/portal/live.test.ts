import { beforeEach, describe, expect, test } from 'vitest'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { browserOfFile } from '../support/browser.ts'
import { companyOfFile } from '../support/file-server.ts'
import { closeAnyway, createKey, dialogOf, rowOf, tabOf } from '../support/portal.ts'

const { server, company } = await companyOfFile()
const browser = browserOfFile()
const { ports } = server.app
const { ownA } = company.members

beforeEach(() => {
  server.time.now = new Date()
})

/** A new instance with so many keys. */
async function instanceWith(name: string, keys: number): Promise<{ id: string; path: string; made: string[] }> {
  const { instanceId: id } = await createAppInstance(ports, ownA, { appId: company.appId, name })
  const made: string[] = []
  for (let index = 1; index <= keys; index++) {
    made.push((await createApiKey(ports, ownA, { instanceId: id, name: `${name} ${index}`, expiresInDays: 30 })).keyId)
  }
  return { id, path: `/apps/functions/instances/${id}`, made }
}

/** The one number of a badge, button or link. */
const digitsOf = (text: string | null): number => Number(text?.replace(/\D/g, ''))

for (const [view, where] of [
  ['the view of the instance', (path: string) => `${path}/keys`],
  ['the view of the app', () => '/apps/functions/keys'],
  ['the view of everything', () => '/keys'],
] as const) {
  describe(view, () => {
    test('an instance is deleted in one browser: the badges and the Orphaned tab of another change without a reload', async () => {
      const name = `Deleted in ${view}`
      const { path } = await instanceWith(name, 2)
      const { page: watching } = await browser.visit(server, 'auraA', { path: where(path) })
      await rowOf(watching, `${name} 2`).waitFor()
      const orphaned = watching.getByRole('tab', { name: /^Orphaned \d+$/ })
      const active = watching.getByRole('tab', { name: /^Active \d+$/ })
      const inSidebar = watching.getByRole('navigation', { name: 'Portal' }).getByRole('link', { name: /^Orphaned \d+$/ })
      const before = {
        orphaned: digitsOf(await orphaned.textContent()),
        active: digitsOf(await active.textContent()),
        all: digitsOf(await inSidebar.textContent()),
      }
      await watching.evaluate('window.stays = true')

      const { page } = await browser.visit(server, 'ownA', { path })
      await page.getByRole('button', { name: 'Delete instance' }).click()
      const dialog = dialogOf(page, `Delete ${name}`)
      await dialog.getByText('2 active and 0 expired keys become orphans').waitFor()
      await dialog.getByRole('checkbox').check()
      await dialog.getByRole('button', { name: 'Delete', exact: true }).click()
      await dialogOf(page, 'Instance deleted').getByText('2 of its keys are now orphaned. In force on every node').waitFor()

      await tabOf(watching, 'Orphaned', before.orphaned + 2).waitFor()
      await tabOf(watching, 'Active', before.active - 2).waitFor()
      await watching.getByRole('link', { name: `Orphaned ${before.all + 2}`, exact: true }).waitFor()
      await rowOf(watching, `${name} 2`).waitFor({ state: 'detached' })
      await watching.getByText(`${before.orphaned + 2} orphaned keys.`).waitFor()
      await watching.getByRole('link', { name: 'Review' }).click()
      await rowOf(watching, `${name} 1`).getByText('Instance deleted').waitFor()
      await rowOf(watching, `${name} 2`).getByText('just now').first().waitFor()
      expect(await watching.evaluate('window.stays')).toBe(true)
    })

    test('a key comes and goes in one browser, and in another, with its mark and in every count', async () => {
      const name = `Busy in ${view}`
      const { path } = await instanceWith(name, 1)
      const { page: watching } = await browser.visit(server, 'auraA', { path: where(path) })
      await rowOf(watching, `${name} 1`).waitFor()
      const before = digitsOf(await watching.getByRole('tab', { name: /^Active \d+$/ }).textContent())
      const { page } = await browser.visit(server, 'ownA', { path: `${path}/keys` })
      const { shown } = await createKey(page, `another of ${name}`)
      await rowOf(watching, `another of ${name}`).getByText('New', { exact: true }).waitFor()
      // What was there before is not new.
      expect(await rowOf(watching, `${name} 1`).getByText('New', { exact: true }).count()).toBe(0)
      await tabOf(watching, 'Active', before + 1).waitFor()
      await closeAnyway(shown)
      await page.getByRole('button', { name: `Revoke another of ${name}`, exact: true }).click()
      await dialogOf(page, 'Revoke API key').getByRole('checkbox').check()
      await dialogOf(page, 'Revoke API key').getByRole('button', { name: 'Revoke', exact: true }).click()
      await rowOf(watching, `another of ${name}`).waitFor({ state: 'detached' })
      await tabOf(watching, 'Active', before).waitFor()
    })
  })
}

test('the numbers of apps, of instances and of their buttons are live: total, of what the viewer may see', async () => {
  const { id, path, made } = await instanceWith('Counted', 3)
  const { page: app } = await browser.visit(server, 'ownA', { path: '/apps/functions' })
  const { page: instance } = await browser.visit(server, 'ownA', { path })
  const { page: member } = await browser.visit(server, 'devA', { path: '/apps/functions' })
  const button = (page: typeof app) => page.getByRole('link', { name: /^View API Keys\s*\d+$/ })
  const inTable = app.getByRole('row', { name: /^Counted/ }).getByRole('link', { name: 'API keys of Counted' })
  const inSidebar = app.getByRole('navigation', { name: 'Portal' }).getByRole('link', { name: /^Functions \d+$/ })
  await button(app).waitFor()
  const total = digitsOf(await button(app).textContent())
  const all = async () => [
    digitsOf(await button(app).textContent()),
    digitsOf(await button(instance).textContent()),
    digitsOf(await inTable.textContent()),
    digitsOf(await inSidebar.textContent()),
    digitsOf(await button(member).textContent()),
  ]
  const shows = (numbers: readonly number[]) => expect.poll(all, { timeout: 20_000 }).toEqual(numbers)
  await shows([total, 3, 3, total, 0])
  await createApiKey(ports, ownA, { instanceId: id, name: 'fourth', expiresInDays: 30 })
  await shows([total + 1, 4, 4, total + 1, 0])
  await createApiKey(ports, ownA, { instanceId: company.I1, name: 'of I1', expiresInDays: 30 })
  await shows([total + 2, 4, 4, total + 2, 1])
  await revokeApiKeys(ports, ownA, { ids: made, acknowledged: true })
  // Revoked keys count no more.
  await shows([total - 1, 1, 1, total - 1, 1])
})
