import { expect, test, vi } from 'vitest'
import { browserOfFile } from '../support/browser.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()
const browser = browserOfFile()
// Several browsers on a machine under load take their time.
vi.setConfig({ testTimeout: 240_000 })

const ask = async <Data>(query: string, person: Parameters<typeof as>[0] = 'ownA'): Promise<Data> => {
  const answer = (await (await server.post({ query }, as(person))).json()) as { data: Data; errors?: unknown }
  if (answer.errors) throw new Error(JSON.stringify(answer.errors))
  return answer.data
}
const add = async (name: string, role = 'MEMBER'): Promise<string> =>
  (
    await ask<{ addMember: { member: { id: string } } }>(
      `mutation { addMember(input: { name: "${name}", subject: "${name}", role: ${role} }) { member { id } } }`,
    )
  ).addMember.member.id
const roleOf = async (name: string): Promise<string | undefined> =>
  (
    await ask<{ members: { edges: { node: { name: string; role: string } }[] } }>('{ members(first: 100) { edges { node { name role } } } }')
  ).members.edges.find(({ node }) => node.name === name)?.node.role

test('an owner adds a member and changes their role, and another open browser of an owner shows both without a reload', async () => {
  const [{ page }, other] = [await browser.visit(server, 'ownA', { path: '/access' }), await browser.visit(server, 'ownA', { path: '/access' })]
  await page.getByRole('button', { name: 'Add member' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('Grace')
  await dialog.getByLabel('Subject').fill('grace')
  await dialog.getByRole('button', { name: 'Add member' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByLabel('Role of Grace').selectOption('AURA_OWNER')
  await expect.poll(() => roleOf('Grace'), { timeout: 20_000 }).toBe('AURA_OWNER')
  await expect.poll(() => other.page.getByLabel('Role of Grace').inputValue(), { timeout: 20_000 }).toBe('AURA_OWNER')
})

test('the removal of a member says how many keys become orphans before it is confirmed, and ends their session in an open page', async () => {
  const memberId = await add('Ada')
  const { I1 } = company
  await ask(`mutation { setInstanceAccess(input: { instanceId: "${I1}", memberId: "${memberId}", role: USER }) { instance { id } } }`)
  for (const name of ['one', 'two']) {
    const query = `mutation { createApiKey(input: { instanceId: "${I1}", name: "${name}", expiresInDays: 9 }) { apiKey { id } } }`
    expect(await (await server.post({ query }, { subject: 'Ada', organization: 'a' })).json()).not.toHaveProperty('errors')
  }
  const removed = await browser.visit(server, 'Ada', { path: `/apps/functions/instances/${I1}/keys`, organization: 'a' })
  const { page } = await browser.visit(server, 'ownA', { path: '/access' })
  await page.getByRole('button', { name: 'Remove Ada' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('2 keys become orphans').waitFor()
  expect(await dialog.getByRole('button', { name: 'Remove', exact: true }).isDisabled()).toBe(true)
  expect(await roleOf('Ada')).toBe('MEMBER')
  await dialog.getByRole('checkbox').check()
  await dialog.getByRole('button', { name: 'Remove', exact: true }).click()
  await page.getByText('2 of their keys are now orphaned').waitFor()
  await removed.page.getByRole('heading', { name: 'Sign in' }).waitFor()
  expect(await removed.page.getByRole('table').count()).toBe(0)
  await page.getByRole('button', { name: 'Close', exact: true }).click()
  await page.getByRole('button', { name: 'Remove Ada' }).waitFor({ state: 'detached' })
})

test('roles on an instance are granted, changed and taken, and hold at once', async () => {
  await add('Linus')
  const { page } = await browser.visit(server, 'devA', { path: `/apps/functions/instances/${company.I1}` })
  await page.getByLabel('Member', { exact: true }).selectOption({ label: 'Linus' })
  await page.getByRole('button', { name: 'Grant access' }).click()
  const role = page.getByLabel('Role of Linus')
  await role.waitFor()
  const seen = async () => {
    const query = `{ instance(id: "${company.I1}") { viewerRole } }`
    const answer = (await (await server.post({ query }, { subject: 'Linus', organization: 'a' })).json()) as {
      data: { instance: { viewerRole: string } | null }
    }
    return answer.data.instance?.viewerRole ?? null
  }
  await expect.poll(seen, { timeout: 20_000 }).toBe('USER')
  await role.selectOption('OWNER')
  await expect.poll(seen, { timeout: 20_000 }).toBe('OWNER')
  await role.selectOption('')
  await role.waitFor({ state: 'detached' })
  expect(await seen()).toBeNull()
})

test('the deletion of an instance says how many keys become orphans before it is confirmed, and other open lists lose it', async () => {
  const query = `mutation { createAppInstance(input: { appId: "${company.appId}", name: "Doomed" }) { instance { id } } }`
  const { id } = (await ask<{ createAppInstance: { instance: { id: string } } }>(query)).createAppInstance.instance
  await company.createKey('ownA', id)
  const { page: other } = await browser.visit(server, 'auraA', { path: '/apps/functions' })
  await other
    .getByRole('row', { name: /Doomed/ })
    .getByText('Active')
    .waitFor()
  const { page } = await browser.visit(server, 'ownA', { path: `/apps/functions/instances/${id}` })
  await page.getByRole('button', { name: 'Delete instance' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('1 active').waitFor()
  expect(await dialog.getByRole('button', { name: 'Delete', exact: true }).isDisabled()).toBe(true)
  await dialog.getByRole('checkbox').check()
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByText('1 of its keys are now orphaned').waitFor()
  await expect
    .poll(
      () =>
        other
          .getByRole('row', { name: /Doomed/ })
          .filter({ hasText: 'Active' })
          .count(),
      { timeout: 20_000 },
    )
    .toBe(0)
})
