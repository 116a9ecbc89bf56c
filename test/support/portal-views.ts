import type { Page } from 'playwright-core'
import type { Colleague, PortalCompany } from './portal-company.ts'

/** Something that the portal shows: where it is, who looks, and what to do until it is there. */
export interface View {
  readonly name: string
  readonly at: string | ((company: PortalCompany) => string)
  /** Ada, who may everything, unless said; `null`: nobody. `olga` owns the organization without apps. */
  readonly as?: Colleague | 'olga' | null
  readonly open?: (page: Page) => Promise<unknown>
  /** What must be in sight. */
  readonly shows: string
}

const keysOf =
  (instance: string, search = '') =>
  (company: PortalCompany) =>
    `${company.path(instance)}/keys${search}`
const instance = (name: string) => (company: PortalCompany) => company.path(name)
const press = (name: string | RegExp) => (page: Page) => page.getByRole('button', { name }).first().click()

/** Holds or changes the answers to operations of this name. */
const answering = (operation: string, path: string, body?: object) => async (page: Page) => {
  await page.route('**/graphql', (route) => {
    if (!route.request().postData()?.includes(operation)) return route.continue()
    return body ? route.fulfill({ json: body }) : undefined
  })
  await page.goto(new URL(`/portal${path}`, page.url()).href)
}

async function createKey(page: Page): Promise<void> {
  await press('Create API Key')(page)
  await page.getByLabel('API Key Name').fill('edge-worker-asia')
  await page.getByRole('dialog').getByRole('button', { name: 'Create API Key' }).click()
  await page.getByText('Copy it now.').waitFor()
}

const failure = {
  errors: [{ message: 'Something went wrong. Nothing was changed.', path: ['secrets'], extensions: { code: 'INTERNAL', requestId: 'req_7f3a91c2d5' } }],
}

export const pages: readonly View[] = [
  { name: 'app', at: '/apps/cloud-functions', shows: 'checkout-staging' },
  { name: 'app-no-match', at: '/apps/cloud-functions?q=zebra', shows: 'No instance matches' },
  { name: 'app-nothing-granted', at: '/apps/dashboards', as: 'otto', shows: 'No instances yet' },
  { name: 'no-apps', at: '/', as: 'olga', shows: 'No apps yet' },
  { name: 'instance', at: instance('checkout-api'), shows: 'Access to checkout-api' },
  { name: 'instance-deleted', at: instance('thumbnails-v1'), shows: 'Deleted' },
  { name: 'keys', at: keysOf('checkout-api'), shows: 'fraud-check' },
  { name: 'keys-orphaned', at: keysOf('checkout-api', '?tab=orphaned'), open: (page) => page.getByLabel('Select legacy-export').check(), shows: '1 selected' },
  { name: 'keys-expired', at: keysOf('checkout-api', '?tab=expired'), shows: 'spring-campaign' },
  { name: 'keys-revoked', at: keysOf('checkout-api', '?revoked=1&q=ci'), shows: 'ci-deploy-old' },
  { name: 'keys-empty', at: keysOf('order-events'), shows: 'No active keys' },
  { name: 'keys-no-match', at: keysOf('checkout-api', '?q=zebra'), shows: 'No key matches' },
  { name: 'keys-of-app', at: '/apps/cloud-functions/keys', shows: 'checkout-staging' },
  { name: 'keys-of-all', at: '/keys', shows: 'Load more' },
  { name: 'keys-of-all-orphaned', at: '/keys?tab=orphaned', shows: 'tmp-migration' },
  {
    name: 'keys-of-others',
    at: keysOf('checkout-api', '?tab=orphaned'),
    as: 'linus',
    open: (page) => page.getByRole('button', { name: /^Revoke legacy-export: not/ }).focus(),
    shows: 'Only Owners and Aura Owners',
  },
  { name: 'secrets', at: '/secrets', shows: 'SALES_COCKPIT_CRM_SYNC' },
  { name: 'secrets-empty', at: '/secrets', as: 'otto', shows: 'No secrets yet' },
  { name: 'activity', at: '/activity', shows: 'Member removed' },
  { name: 'activity-filtered', at: '/activity?kind=API_KEY_ORPHANED&since=30', shows: 'Key orphaned' },
  { name: 'activity-refused', at: '/activity', as: 'linus', shows: 'You may not read the audit log' },
  { name: 'access', at: '/access?removed=1', shows: 'grace@northwind.example' },
  { name: 'access-refused', at: '/access', as: 'otto', shows: 'You may not list the members' },
  { name: 'sign-in', at: '/keys', as: null, shows: 'portal-link' },
  { name: 'sign-in-refused', at: '/#code=used', as: null, shows: 'The link did not work' },
  { name: 'choose-organization', at: '/?choose=organization', shows: 'Contoso Labs' },
  { name: 'not-found', at: '/nowhere', shows: 'There is nothing at this address' },
  { name: 'instance-not-found', at: '/apps/cloud-functions/instances/ins_none', shows: 'There is no such instance' },
  { name: 'error', at: '/keys', open: answering('secrets', '/secrets', failure), shows: 'req_7f3a91c2d5' },
  { name: 'skeleton', at: '/secrets', open: answering('apiKeys(', '/keys'), shows: 'All apps' },
  { name: 'offline', at: keysOf('checkout-api'), open: (page) => page.context().setOffline(true), shows: 'Offline' },
]

export const dialogs: readonly View[] = [
  { name: 'create-key', at: keysOf('checkout-api'), open: press('Create API Key'), shows: 'Create API key for Cloud Functions - checkout-api' },
  { name: 'create-key-of-app', at: '/apps/cloud-functions/keys', open: press('Create API Key'), shows: 'The key opens this one only.' },
  {
    name: 'create-key-date',
    at: keysOf('checkout-api'),
    open: async (page) => {
      await press('Create API Key')(page)
      await page.getByText('Date', { exact: true }).click()
    },
    shows: 'Pick the last day',
  },
  { name: 'shown-once', at: keysOf('checkout-api'), open: createKey, shows: 'Copy API Key' },
  {
    name: 'shown-once-question',
    at: keysOf('checkout-api'),
    open: async (page) => {
      await createKey(page)
      await press('Close')(page)
    },
    shows: 'Close anyway',
  },
  {
    name: 'new-secret',
    at: keysOf('checkout-api'),
    open: async (page) => {
      await createKey(page)
      await press('Save As Secret')(page)
    },
    shows: 'New Secret',
  },
  { name: 'revoke', at: keysOf('checkout-api'), open: press('Revoke grafana-readonly'), shows: 'In use' },
  {
    name: 'revoke-several',
    at: keysOf('checkout-api'),
    open: async (page) => {
      for (const name of ['nightly-etl', 'terraform', 'on-call-scripts']) await page.getByLabel(`Select ${name}`).check()
      await press('Revoke selected')(page)
    },
    shows: 'Revoke 3 API keys',
  },
  { name: 'revoke-orphan', at: keysOf('checkout-api', '?tab=orphaned'), open: press('Revoke legacy-export'), shows: 'Opened' },
  {
    name: 'revoked',
    at: keysOf('support-wall'),
    open: async (page) => {
      await press('Revoke ticket-sync')(page)
      await page.getByRole('checkbox', { name: 'I understand' }).check()
      await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
    },
    shows: 'In force on every node',
  },
  { name: 'create-instance', at: '/apps/cloud-functions', open: press('New instance'), shows: 'New instance of Cloud Functions' },
  { name: 'delete-instance', at: instance('invoice-renderer'), open: press('Delete instance'), shows: 'become orphans' },
  { name: 'reveal', at: '/secrets', open: press('Reveal CHECKOUT_API_TERRAFORM'), shows: 'The audit log records' },
  {
    name: 'revealed',
    at: '/secrets',
    open: async (page) => {
      await press('Reveal CHECKOUT_API_TERRAFORM')(page)
      await page.getByRole('dialog').getByRole('button', { name: 'Reveal' }).click()
    },
    shows: 'Hidden in',
  },
  { name: 'delete-secret', at: '/secrets', open: press('Delete CHECKOUT_API_TERRAFORM'), shows: 'gone for good' },
  { name: 'add-member', at: '/access', open: press('Add member'), shows: 'Subject' },
  { name: 'remove-member', at: '/access', open: press('Remove Mei Kuroda'), shows: 'become orphans' },
  {
    name: 'palette',
    at: '/keys',
    open: async (page) => {
      await page.keyboard.press('Control+k')
      await page.keyboard.type('worker')
    },
    shows: 'edge-worker-us',
  },
  { name: 'account-menu', at: '/keys', open: press(/: account$/), shows: 'Sign out' },
  {
    name: 'sessions',
    at: '/keys',
    open: async (page) => {
      await press(/: account$/)(page)
      await press('Your sessions')(page)
    },
    shows: 'Sign out everywhere',
  },
]
