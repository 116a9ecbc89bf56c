import { beforeEach, expect, test } from 'vitest'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { saveApiKeyAsSecret } from '../../src/secrets/save-api-key-as-secret.ts'
import { AuditLogDocument } from '../generated/operations.ts'
import { browserOfFile } from '../support/browser.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { dialogOf, rowOf } from '../support/portal.ts'
import { dataOf } from '../support/server.ts'

const { server, company } = await companyOfFile()
const browser = browserOfFile()

beforeEach(() => {
  server.time.now = new Date()
})

/** A secret as the portal saves it: the key first, then its text by the token. */
async function secretOf(person: 'ownA' | 'devA', name: string): Promise<string> {
  const actor = company.members[person]
  const { plaintext, saveToken } = await createApiKey(server.app.ports, actor, { instanceId: company.I1, name: `key of ${name}`, expiresInDays: 30 })
  await saveApiKeyAsSecret(server.app.ports, actor, { saveToken: saveToken ?? '', name })
  return plaintext?.expose() ?? expect.fail('no key')
}

const eventsOf = async (kind: 'SECRET_REVEALED' | 'SECRET_DELETED', name: string) =>
  dataOf(await server.graphql(AuditLogDocument, { filter: { kinds: [kind] }, first: 50 }, as('ownA'))).auditLog?.edges.filter(
    ({ node }) => node.subjectName === name,
  ) ?? []

test('without secrets the list says how one comes to be; with some it shows those of the viewer, and to an Owner all', async () => {
  const { page: empty } = await browser.visit(server, 'dev2A', { path: '/secrets' })
  await empty.getByText('No secrets yet').waitFor()
  await secretOf('devA', 'OF_DEV')
  await secretOf('ownA', 'OF_OWNER')
  const { page: dev } = await browser.visit(server, 'devA', { path: '/secrets' })
  await rowOf(dev, 'OF_DEV').getByRole('link', { name: 'key of OF_DEV' }).waitFor()
  expect(await dev.getByRole('rowheader').allTextContents()).toEqual(['OF_DEV'])
  const { page: owner } = await browser.visit(server, 'ownA', { path: '/secrets' })
  await rowOf(owner, 'OF_OWNER').waitFor()
  expect((await owner.getByRole('rowheader').allTextContents()).sort()).toEqual(['OF_DEV', 'OF_OWNER'])
})

test('a secret is revealed after a question, for a minute, and the audit log is told of each time', async () => {
  const text = await secretOf('devA', 'REVEALED')
  const { page, context } = await browser.visit(server, 'devA', { path: '/secrets' })
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: server.url })
  const open = page.getByRole('button', { name: 'Reveal REVEALED' })
  const dialog = dialogOf(page, 'Reveal REVEALED')
  // Whoever thinks better of it has revealed nothing.
  await open.click()
  await dialog.getByText('The audit log records that you saw it.').waitFor()
  expect(await page.content()).not.toContain(text)
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  expect(await eventsOf('SECRET_REVEALED', 'REVEALED')).toHaveLength(0)

  await open.click()
  await page.clock.install()
  await dialog.getByRole('button', { name: 'Reveal', exact: true }).click()
  const shown = dialog.locator('.plaintext')
  expect(await shown.textContent()).toBe(text)
  expect((await eventsOf('SECRET_REVEALED', 'REVEALED')).map(({ node }) => node.actor?.name)).toEqual(['devA'])
  await dialog.getByRole('button', { name: 'Copy', exact: true }).click()
  await dialog.getByRole('button', { name: 'Copied' }).waitFor()
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(text)
  await page.clock.runFor(57_000)
  expect(await shown.textContent()).toBe(text)
  await dialog.getByText(/^Hidden in [1-3] seconds?\.$/).waitFor()
  await page.clock.runFor(4_000)
  await dialog.waitFor({ state: 'detached' })
  expect(await page.content()).not.toContain(text)
})

test('a secret is deleted after a question, and its key goes on working', async () => {
  const text = await secretOf('devA', 'DELETED')
  const { page } = await browser.visit(server, 'devA', { path: '/secrets' })
  await page.getByRole('button', { name: 'Delete DELETED' }).click()
  await dialogOf(page, 'Delete DELETED').getByRole('button', { name: 'Cancel' }).click()
  expect(await eventsOf('SECRET_DELETED', 'DELETED')).toHaveLength(0)
  await page.getByRole('button', { name: 'Delete DELETED' }).click()
  const dialog = dialogOf(page, 'Delete DELETED')
  await dialog.getByText('goes on working').waitFor()
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click()
  await dialog.waitFor({ state: 'detached' })
  await rowOf(page, 'DELETED').waitFor({ state: 'detached' })
  expect(await eventsOf('SECRET_DELETED', 'DELETED')).toHaveLength(1)
  expect(await server.verify(text, company.I1)).toMatchObject({ valid: true })
})

test('what the server refuses is said in the dialog, which stays', async () => {
  await secretOf('devA', 'TAKEN_AWAY')
  const { page } = await browser.visit(server, 'devA', { path: '/secrets' })
  await rowOf(page, 'TAKEN_AWAY').waitFor()
  await server.sql('DELETE FROM secret WHERE name = $1', 'TAKEN_AWAY')
  for (const [what, said] of [
    ['Reveal', 'The secret was not revealed'],
    ['Delete', 'The secret was not deleted'],
  ] as const) {
    await page.getByRole('button', { name: `${what} TAKEN_AWAY` }).click()
    const dialog = dialogOf(page, `${what} TAKEN_AWAY`)
    await dialog.getByRole('button', { name: what, exact: true }).click()
    await dialog.getByRole('alert').getByText(said).waitFor()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
  }
})
