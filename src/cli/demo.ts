import type { Actor } from '../access/actor.ts'
import { createApp } from '../apps/create-app.ts'
import { createChange } from '../change/change.ts'
import { createChangeBy } from '../change/change-by.ts'
import type { App } from '../compose.ts'
import type { InstanceStatus, OrganizationRole } from '../generated/prisma/enums.ts'
import { createAppInstance } from '../instances/create-app-instance.ts'
import { deleteAppInstance } from '../instances/delete-app-instance.ts'
import { setInstanceAccess } from '../instances/set-instance-access.ts'
import { createApiKey } from '../keys/create-api-key.ts'
import { expireKeys } from '../keys/expire-keys.ts'
import { revokeApiKeys } from '../keys/revoke-api-keys.ts'
import { addMember } from '../members/add-member.ts'
import { bootstrapOrganization } from '../organizations/bootstrap-organization.ts'
import { dayMs } from '../time.ts'

/** The owner of the demo organization, who makes the others. */
const founder = { subject: 'owner@demo.example', name: 'Olivia Brandt' }

/** Members of the demo organization; their subjects are their email addresses. */
const people: readonly { subject: string; name: string; role: OrganizationRole }[] = [
  { subject: 'aura@demo.example', name: 'Amira Haddad', role: 'AURA_OWNER' },
  { subject: 'dev@demo.example', name: 'Diego Fontaine', role: 'MEMBER' },
  { subject: 'user@demo.example', name: 'Uma Petrov', role: 'MEMBER' },
  { subject: 'outsider@demo.example', name: 'Otto Lindqvist', role: 'MEMBER' },
]

/** Who a visitor of the demo can be, to compare the roles. */
export const demoPeople: readonly { subject: string; name: string }[] = [founder, ...people]

interface InstancePlan {
  readonly name: string
  readonly status?: Exclude<InstanceStatus, 'DELETED'>
  /** Members with a role on it besides the owners. */
  readonly grants?: 'both' | 'dev'
  readonly deleted?: boolean
  /** Its keys, in the format that `readKey` reads. */
  readonly keys: string
}

// A key is `name:days ago:lifetime in days`, then `!` if it was revoked since and `@` if dev made it.
const apps: readonly { slug: string; name: string; instances: readonly InstancePlan[] }[] = [
  {
    slug: 'cloud-functions',
    name: 'Cloud Functions',
    instances: [
      {
        name: 'checkout-prod',
        grants: 'both',
        keys: 'ci-deploy:200:365 ci-deploy-old:330:200! order-export:90:180@ fraud-check:45:365 loadtest:160:90@ on-call-scripts:14:15@ nightly-report:29:30',
      },
      { name: 'checkout-staging', grants: 'both', keys: 'ci-staging:120:365@ qa-suite:60:90@ preview-bot:30:60 smoke-tests:200:90 old-runner:250:300!' },
      { name: 'invoice-renderer', grants: 'dev', keys: 'billing-batch:75:365@ archive-job:75:365 pdf-worker:140:90@ month-end:10:11' },
      { name: 'webhook-relay', status: 'IDLE', keys: 'partner-acme:180:365 partner-globex:170:365 partner-initech:260:180! retry-worker:30:365' },
    ],
  },
  {
    slug: 'dashboard-apps',
    name: 'Dashboard Apps',
    instances: [
      { name: 'sales-cockpit', grants: 'both', keys: 'tv-lobby:100:365 weekly-mail:50:90@ crm-sync:210:365 board-slides:120:60 embed-portal:33:180@' },
      { name: 'support-wall', grants: 'dev', keys: 'tv-support:95:365@ ticket-sync:80:180 shift-planner:190:120! pager:20:365' },
      { name: 'ops-overview', status: 'INITIALIZING', keys: 'first-import:2:30' },
      { name: 'kpi-2025', deleted: true, keys: 'bi-export:220:365@ finance-mail:215:365 sheet-sync:230:365 auditor:240:250!' },
    ],
  },
  {
    slug: 'inference-apis',
    name: 'Inference APIs',
    instances: [
      {
        name: 'product-search',
        grants: 'both',
        keys: 'web-shop:150:365 mobile-app:150:365 ab-tests:40:60@ recommender:88:180@ shadow-traffic:110:60 eval-notebook:7:8@ legacy-app:340:300!',
      },
      { name: 'doc-summarizer', grants: 'dev', keys: 'intranet:66:365 legal-team:65:180@ batch-2026:31:365 trial:45:30@' },
      { name: 'image-tagger-v1', deleted: true, keys: 'upload-service:300:365 backfill:280:365@ mobile-beta:270:365' },
    ],
  },
  {
    slug: 'analyst',
    name: 'Analyst',
    instances: [
      { name: 'revenue-model', grants: 'dev', keys: 'quarterly:70:180 planning:55:365@ forecast-ci:25:90 spreadsheet:130:100!' },
      { name: 'churn-study', status: 'FAILED', keys: 'notebook:85:90 pipeline:84:365 reviewer:83:60' },
    ],
  },
]

interface KeyPlan {
  name: string
  ago: number
  days: number
  revoked: boolean
  byDev: boolean
}

function readKey(text: string): KeyPlan {
  const [name = '', ago = '0', rest = '0'] = text.split(':')
  return { name, ago: Number(ago), days: Number.parseInt(rest, 10), revoked: rest.includes('!'), byDev: rest.includes('@') }
}

/**
 * Loads the demo organizations into an empty database, through the use cases and a clock that walks through the last year,
 * so that rows, counts and events agree. The build does it once, for all starts.
 */
export async function loadDemo(app: App): Promise<void> {
  const start = app.ports.clock.now().getTime()
  let time = start
  const clock = { now: () => new Date(Math.min(time, start)) }
  const change = createChange(app.database, clock, { changed: app.ports.hub.changed, denied: () => app.ownMark?.move() })
  const ports = { ...app.ports, clock, change, changeBy: createChangeBy(app.ports, change) }
  const at = (daysAgo: number): void => {
    time = start - daysAgo * dayMs
  }
  const actorOf = (ids: { organizationId: string; memberId: string }): Actor => ({
    ...ids,
    subject: '',
    role: 'OWNER',
    organizationVersion: 0n,
    expiresAt: new Date(start + dayMs),
  })

  at(365)
  const owner = actorOf(
    await bootstrapOrganization(ports, {
      slug: 'demo',
      name: 'Northwind Robotics',
      owner: { ...founder, email: founder.subject },
    }),
  )
  const members = new Map<string, Actor>()
  for (const person of people) {
    const { memberId } = await addMember(ports, owner, { ...person, email: person.subject })
    members.set(person.subject, actorOf({ organizationId: owner.organizationId, memberId }))
  }
  const dev = members.get('dev@demo.example') as Actor
  const user = members.get('user@demo.example') as Actor

  const due: { at: number; run: () => Promise<unknown> }[] = []
  for (const { slug, name, instances } of apps) {
    at(360)
    const { appId } = await createApp(ports, owner, { slug, name })
    for (const plan of instances) {
      at(355)
      const { instanceId } = await createAppInstance(ports, owner, { appId, name: plan.name, status: plan.status ?? 'ACTIVE' })
      const devHasAccess = plan.grants !== undefined || plan.keys.includes('@')
      if (devHasAccess) await setInstanceAccess(ports, owner, { instanceId, memberId: dev.memberId, role: 'OWNER' })
      if (plan.grants === 'both') await setInstanceAccess(ports, owner, { instanceId, memberId: user.memberId, role: 'USER' })
      for (const key of plan.keys.split(' ').map(readKey)) {
        due.push({
          at: key.ago,
          run: async () => {
            const { keyId } = await createApiKey(ports, key.byDev ? dev : owner, { instanceId, name: key.name, expiresInDays: key.days })
            if (key.revoked) due.push({ at: key.ago / 3, run: () => revokeApiKeys(ports, owner, { ids: [keyId], acknowledged: true }) })
          },
        })
      }
      if (plan.deleted) due.push({ at: 12, run: () => deleteAppInstance(ports, owner, { id: instanceId, acknowledged: true }) })
    }
  }
  while (due.length > 0) {
    due.sort((a, b) => a.at - b.at)
    const next = due.pop()
    if (!next) break
    at(next.at)
    await expireKeys(ports)
    await next.run()
  }
  at(0)
  await expireKeys(ports)

  at(200)
  const other = actorOf(
    await bootstrapOrganization(ports, {
      slug: 'other',
      name: 'Contoso Labs',
      owner: { subject: 'owner@other.example', name: 'Oscar Nakamura', email: 'owner@other.example' },
    }),
  )
  const { appId } = await createApp(ports, other, { slug: 'cloud-functions', name: 'Cloud Functions' })
  const { instanceId } = await createAppInstance(ports, other, { appId, name: 'telemetry' })
  for (const name of ['collector', 'uploader']) await createApiKey(ports, other, { instanceId, name, expiresInDays: 365 })
}
