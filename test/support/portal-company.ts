import type { Actor } from '../../src/access/actor.ts'
import { createApp } from '../../src/apps/create-app.ts'
import type { InstanceStatus } from '../../src/generated/prisma/enums.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { expireKeys } from '../../src/keys/expire-keys.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { bootstrapOrganization } from '../../src/organizations/bootstrap-organization.ts'
import { dayMs } from '../../src/time.ts'
import type { TestServer } from './server.ts'

/** Ada owns the organization, Grace is Aura Owner, Mei owns some instances, Linus uses some, Otto may nothing; Sofia was removed. */
export type Colleague = 'ada' | 'grace' | 'mei' | 'linus' | 'sofia' | 'otto'

const colleagues: Readonly<Record<Colleague, string>> = {
  ada: 'Ada Larsen',
  grace: 'Grace Okafor',
  mei: 'Mei Kuroda',
  linus: 'Linus Berg',
  sofia: 'Sofia Vega',
  otto: 'Otto Lindqvist',
}

// A key is `name:who:made days ago:lifetime in days:used minutes ago`. `!`: revoked since. `$`: saved as a secret.
const apps: readonly (readonly [slug: string, name: string, instances: readonly (readonly [name: string, status: InstanceStatus, keys: string])[]])[] = [
  [
    'cloud-functions',
    'Cloud Functions',
    [
      [
        'checkout-api',
        'ACTIVE',
        'ci-deploy:ada:2:60:4$ nightly-etl:grace:25:30:300 grafana-readonly:ada:16:90:0$ billing-sync:mei:29:90:130 edge-worker-eu:linus:38:90:41 ' +
          'edge-worker-us:linus:38:90:1 partner-acme:mei:50:90:8700 load-test:grace:71:90:69000 terraform:mei:87:90:62$ fraud-check:ada:120:365:6 ' +
          'order-export:linus:64:180:900 on-call-scripts:grace:11:90 legacy-export:sofia:90:180:13000 refund-bot:sofia:77:365:8000 ' +
          'spring-campaign:mei:100:60:63000 audit-2026:ada:70:30 ci-deploy-old:ada:190:365!',
      ],
      ['checkout-staging', 'ACTIVE', 'ci-staging:mei:90:365:12 qa-suite:grace:60:90:200 preview-bot:linus:21:30:3 smoke-tests:sofia:80:365:30000'],
      ['invoice-renderer', 'ACTIVE', 'month-end:mei:40:365:9000$ archive-job:mei:75:365:500 pdf-worker:ada:140:180:2'],
      ['order-events', 'INITIALIZING', ''],
      ['webhook-relay', 'IDLE', 'partner-globex:grace:170:365:50000 retry-worker:ada:30:365'],
      ['thumbnails-v1', 'DELETED', 'old-dashboard:grace:106:120:31000 tmp-migration:linus:123:160'],
    ],
  ],
  [
    'dashboards',
    'Dashboards',
    [
      ['sales-cockpit', 'ACTIVE', 'tv-lobby:ada:100:365:0 weekly-mail:mei:50:90:7000 crm-sync:grace:210:365:18$ embed-portal:mei:33:180:40'],
      ['support-wall', 'ACTIVE', 'tv-support:mei:95:365:1 ticket-sync:grace:80:180:25'],
      ['ops-overview', 'FAILED', 'first-import:ada:2:30'],
      ['kpi-2025', 'DELETED', 'bi-export:sofia:220:365:20000'],
    ],
  ],
  [
    'inference-apis',
    'Inference APIs',
    [
      ['product-search', 'ACTIVE', 'web-shop:grace:150:365:0 mobile-app:grace:150:365:0$ recommender:linus:88:180:5 eval-notebook:linus:7:8:90'],
      ['doc-summarizer', 'ACTIVE', 'intranet:ada:66:365:33 legal-team:mei:65:180:4000'],
    ],
  ],
]

export interface PortalCompany {
  readonly actors: Readonly<Record<Colleague, Actor>>
  /** The path of an instance's page. */
  readonly path: (instance: string) => string
}

interface Story {
  readonly server: TestServer
  readonly now: number
  readonly actors: Readonly<Record<Colleague, Actor>>
  readonly paths: Map<string, string>
  /** What happens, in days ago. */
  readonly steps: { at: number; run: () => Promise<unknown> }[]
  readonly uses: [keyId: string, at: Date][]
}

/** A company as it is on a working day, at organization `a`; Ada is also a member of `b`. The server's clock walks through the last year to make it. */
export async function createPortalCompany(server: TestServer): Promise<PortalCompany> {
  const { app, time } = server
  const story: Story = { server, now: time.now.getTime(), actors: await hire(server), paths: new Map(), steps: [], uses: [] }
  const { actors, steps, now } = story
  for (const [slug, name, instances] of apps) {
    goTo(story, 360)
    const { appId } = await createApp(app.ports, actors.ada, { slug, name })
    for (const [index, [instance, status, keys]] of instances.entries()) {
      goTo(story, 350 - 30 * index)
      const creator = index % 3 === 1 ? actors.grace : actors.ada
      const { instanceId } = await createAppInstance(app.ports, creator, { appId, name: instance, status: status === 'DELETED' ? 'ACTIVE' : status })
      story.paths.set(instance, `/apps/${slug}/instances/${instanceId}`)
      await planKeys(story, instanceId, instance, keys)
      if (status === 'DELETED') steps.push({ at: 19 + index, run: () => deleteAppInstance(app.ports, actors.ada, { id: instanceId, acknowledged: true }) })
    }
  }
  steps.push({ at: 4, run: () => removeMember(app.ports, actors.ada, { id: actors.sofia.memberId, acknowledged: true }) })
  for (let next = takeOldest(steps); next; next = takeOldest(steps)) {
    goTo(story, next.at)
    await expireKeys(app.ports)
    await next.run()
  }
  time.now = new Date(now)
  await expireKeys(app.ports)
  for (const [keyId, used] of story.uses) await server.sql('UPDATE key_use SET last_used_at = $2::timestamptz WHERE key_id = $1 RETURNING 1', keyId, used)
  return { actors, path: (instance) => story.paths.get(instance) ?? '' }
}

/** Both organizations with their members, a year ago. */
async function hire({ app: { ports }, time }: TestServer): Promise<Record<Colleague, Actor>> {
  const now = time.now
  time.now = new Date(now.getTime() - 365 * dayMs)
  const actorOf = (subject: string, ids: { organizationId: string; memberId: string }): Actor => ({
    ...ids,
    subject,
    role: 'OWNER',
    organizationVersion: 0n,
    expiresAt: new Date(now.getTime() + 365 * dayMs),
  })
  const newMember = (who: Colleague, role: Actor['role'] = 'MEMBER') => ({ subject: who, name: colleagues[who], email: `${who}@northwind.example`, role })
  const found = async (subject: string, slug: string, name: string, owner: Colleague): Promise<Actor> =>
    actorOf(subject, await bootstrapOrganization(ports, { slug, name, owner: { ...newMember(owner), subject } }))
  const ada = await found('ada', 'a', 'Northwind Robotics', 'ada')
  const add = async (who: Colleague, role?: Actor['role']): Promise<Actor> =>
    actorOf(who, { organizationId: ada.organizationId, ...(await addMember(ports, ada, newMember(who, role))) })
  const actors = {
    ada,
    grace: await add('grace', 'AURA_OWNER'),
    mei: await add('mei'),
    linus: await add('linus'),
    sofia: await add('sofia'),
    otto: await add('otto'),
  }
  await addMember(ports, await found('olga', 'b', 'Contoso Labs', 'otto'), newMember('ada'))
  time.now = now
  return actors
}

async function planKeys({ server, now, actors, steps, uses }: Story, instanceId: string, instance: string, keys: string): Promise<void> {
  const { ports } = server.app
  for (const [who, role] of [
    ['mei', 'OWNER'],
    ['linus', 'USER'],
    ['sofia', 'USER'],
  ] as const) {
    if (keys.includes(`:${who}:`)) await setInstanceAccess(ports, actors.ada, { instanceId, memberId: actors[who].memberId, role })
  }
  for (const key of keys.split(' ').filter(Boolean)) {
    const [name = '', who = '', made = '', days = '', used] = key.split(':')
    const by = actors[who as Colleague]
    const saveAsSecret = key.endsWith('$') ? { name: `${instance}_${name}`.toUpperCase().replace(/-/g, '_') } : null
    steps.push({
      at: Number(made),
      run: async () => {
        const { keyId } = await createApiKey(ports, by, { instanceId, name, expiresInDays: Number.parseInt(days, 10), saveAsSecret })
        if (used) uses.push([keyId, new Date(now - Number.parseInt(used, 10) * 60_000)])
        if (key.endsWith('!')) steps.push({ at: Number(made) / 2, run: () => revokeApiKeys(ports, by, { ids: [keyId], acknowledged: true }) })
      },
    })
  }
}

function goTo({ server, now }: Story, daysAgo: number): void {
  server.time.now = new Date(now - daysAgo * dayMs)
}

function takeOldest(steps: Story['steps']): Story['steps'][number] | undefined {
  steps.sort((a, b) => a.at - b.at)
  return steps.pop()
}
