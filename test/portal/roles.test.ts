import type { Page } from 'playwright-core'
import { expect, test, vi } from 'vitest'
import { persons, roles, table } from '../access/table.ts'
import { browserOfFile } from '../support/browser.ts'
import { as, type Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()
const browser = browserOfFile()
// Several browsers on a machine under load take their time.
vi.setConfig({ testTimeout: 240_000 })
const { I1, I2, J1, appId } = company
const patience = { timeout: 20_000 }

type Edges = { edges: { node: { name?: string; subjectName?: string; viewerCanRevoke?: boolean } }[]; totalCount: number }
interface Seen {
  apps: { name: string }[]
  app: { keyCounts: { total: number }; instances: Edges } | null
  active: Edges
  orphaned: Edges
  secrets: Edges
  members: Edges | null
  auditLog: Edges | null
}

const ask = async <Data>(query: string, person: Person): Promise<Data> => ((await (await server.post({ query }, as(person))).json()) as { data: Data }).data

const names = (list: Edges | null | undefined): string[] => (list?.edges.map(({ node }) => node.name ?? node.subjectName ?? '') ?? []).sort()

/** What the contract answers to the same person. */
const seenBy = (person: Person): Promise<Seen> =>
  ask(
    `{ apps { name } app(slug: "functions") { keyCounts { total } instances(first: 25) { totalCount edges { node { name } } } }
    active: apiKeys(filter: { status: [ACTIVE] }, first: 25) { totalCount edges { node { name viewerCanRevoke } } }
    orphaned: apiKeys(filter: { status: [ORPHANED] }, first: 25) { totalCount edges { node { name viewerCanRevoke } } }
    secrets(first: 25) { totalCount edges { node { name } } }
    members(first: 25) { totalCount edges { node { name } } }
    auditLog(first: 25) { totalCount edges { node { subjectName } } } }`,
    person,
  )

/** Whether the permission table gives it to the person's role. */
const may = (field: string, name: string, role: string): boolean => {
  const cells = table[field]?.[name]
  if (!cells) throw new Error(`the table has no ${field}: ${name}`)
  return ['data', 'rows'].includes(String(cells[roles.indexOf(role)]))
}

/** One of each kind: active keys of different people, both kinds of orphans, and a secret of each who may make keys. */
async function fill(): Promise<void> {
  await company.createKey('ownA', I1, 'of the owner')
  await company.createKey('ownA', I2, 'out of reach')
  await company.createKey('devA', I1, 'of an instance owner')
  await company.createKey('dev2A', I1, 'of a user')
  await company.createKey('ownB', J1, 'of another organization')
  const { addMember } = await ask<{ addMember: { member: { id: string } } }>(
    'mutation { addMember(input: { name: "Gone", subject: "gone", role: AURA_OWNER }) { member { id } } }',
    'ownA',
  )
  const orphan = `mutation { createApiKey(input: { instanceId: "${I1}", name: "orphan of a creator", expiresInDays: 9 }) { apiKey { id } } }`
  await server.post({ query: orphan }, { subject: 'gone', organization: 'a' })
  await ask(`mutation { removeMember(input: { id: "${addMember.member.id}", acknowledged: true }) { orphanedKeys } }`, 'ownA')
  const { createAppInstance } = await ask<{ createAppInstance: { instance: { id: string } } }>(
    `mutation { createAppInstance(input: { appId: "${appId}", name: "Deleted" }) { instance { id } } }`,
    'ownA',
  )
  await company.createKey('ownA', createAppInstance.instance.id, 'orphan of an instance')
  await ask(`mutation { deleteAppInstance(input: { id: "${createAppInstance.instance.id}", acknowledged: true }) { orphanedKeys } }`, 'ownA')
  for (const [person, instance] of [
    ['ownA', I1],
    ['auraA', I1],
    ['devA', I1],
    ['dev2A', I1],
    ['ownB', J1],
  ] as const) {
    const input = `{ instanceId: "${instance}", name: "saved by ${person}", expiresInDays: 9 }`
    const made = await ask<{ createApiKey: { saveToken: string } }>(`mutation { createApiKey(input: ${input}) { saveToken } }`, person)
    const save = `mutation { saveApiKeyAsSecret(input: { name: "SECRET_${person}", saveToken: "${made.createApiKey.saveToken}" }) { secret { id } } }`
    expect((await ask<{ saveApiKeyAsSecret: unknown }>(save, person)).saveApiKeyAsSecret).not.toBeNull()
  }
}
await fill()

async function go(page: Page, path: string): Promise<void> {
  await page.goto(`${server.url}/portal${path}`)
  await page.getByRole('heading', { level: 1 }).waitFor()
  await expect.poll(() => page.locator('[aria-busy=true], .page-skeleton').count(), patience).toBe(0)
}

const headers = async (page: Page, caption: string): Promise<string[]> =>
  (await page.getByRole('table', { name: caption }).getByRole('rowheader').allTextContents()).map((text) => text.trim())

/** The names in a table's rows, once they are those that the contract answers. */
const shows = (page: Page, caption: string, list: Edges | null): Promise<void> =>
  expect.poll(async () => (await headers(page, caption)).sort(), patience).toEqual(names(list))

const has = (page: Page, name: string | RegExp): Promise<boolean> => page.getByRole('button', { name }).first().isVisible()

const browsing = roles.filter((role) => role !== 'nobody').map((role) => [role, persons[role] as Person] as const)

test.each(browsing)('the lists and counts of a browser of %s are exactly those that the contract answers', async (_role, person) => {
  const seen = await seenBy(person)
  const { page } = await browser.visit(server, person, { path: '/apps/functions' })
  await shows(page, 'Instances', seen.app?.instances ?? null)
  const navigation = page.getByRole('navigation', { name: 'Portal' })
  const apps = await navigation.locator('ul').first().locator('.nav-name').allTextContents()
  expect(apps).toEqual(seen.apps.map(({ name }) => name))
  await expect.poll(() => page.getByRole('link', { name: /^View API Keys/ }).textContent(), patience).toBe(`View API Keys${seen.app?.keyCounts.total}`)
  for (const [tab, list] of [
    ['', seen.active],
    ['?tab=orphaned', seen.orphaned],
  ] as const) {
    await go(page, `/keys${tab}`)
    await shows(page, 'API keys', list)
    for (const { node } of list.edges) {
      const icon = page.getByRole('button', { name: new RegExp(`^Revoke ${node.name}`) })
      expect(await icon.getAttribute('aria-disabled'), node.name).toBe(String(!node.viewerCanRevoke))
      if (!node.viewerCanRevoke) expect(await icon.getAttribute('aria-label'), node.name).toMatch(/not possible\. .*Ask/)
    }
  }
  await go(page, '/secrets')
  await shows(page, 'Secrets', seen.secrets)
})

test.each(browsing)('a browser of %s has the members and the audit log where the permission table gives them', async (role, person) => {
  const seen = await seenBy(person)
  const { page } = await browser.visit(server, person, { path: '/access' })
  if (may('Query.members', 'own organization', role)) {
    await expect
      .poll(async () => (await headers(page, 'Members')).map((text) => text.replace(/^[A-Z]{1,2}(?=\S)/, '').replace(' (you)', '')).sort(), patience)
      .toEqual(names(seen.members))
  } else await page.getByText('You may not list the members').waitFor()
  const manages = may('Mutation.addMember', 'own organization', role)
  expect([
    await has(page, 'Add member'),
    await has(page, /^Remove /),
    await page
      .getByLabel(/^Role of/)
      .first()
      .isVisible(),
  ]).toEqual([manages, manages, manages])
  const reads = may('Query.auditLog', 'own organization', role)
  expect(await page.getByRole('link', { name: 'Activity', exact: true }).isVisible()).toBe(reads)
  await go(page, '/activity')
  if (!reads) return page.getByText('You may not read the audit log').waitFor()
  const about = page.getByRole('table', { name: 'Audit log' }).locator('td[data-label=About] strong')
  await expect.poll(async () => (await about.allTextContents()).sort(), patience).toEqual(names(seen.auditLog))
})

test.each(browsing)('a browser of %s has the buttons of an instance that the permission table gives, and no others', async (role, person) => {
  const { page } = await browser.visit(server, person, { path: '/apps/functions' })
  await page.getByRole('heading', { level: 1, name: 'Functions' }).waitFor()
  // Who is of the other organization has an app of the same name.
  expect(await has(page, 'New instance')).toBe(may('Mutation.createAppInstance', person.endsWith('A') ? 'app' : 'app of b', role))
  await go(page, `/apps/functions/instances/${I1}`)
  const sees = may('Query.instance', 'live instance', role)
  await page.getByRole('heading', { level: 1, name: sees ? 'I1' : 'Not found' }).waitFor()
  expect(await has(page, 'Delete instance')).toBe(may('Mutation.deleteAppInstance', 'live instance', role))
  expect(await has(page, 'Grant access')).toBe(may('Mutation.setInstanceAccess', 'live instance', role))
  await go(page, `/apps/functions/instances/${I1}/keys`)
  await page.getByRole('heading', { level: 1, name: sees ? /API Keys/ : 'Not found' }).waitFor()
  expect(await has(page, 'Create API Key')).toBe(may('Mutation.createApiKey', 'live instance', role))
})
