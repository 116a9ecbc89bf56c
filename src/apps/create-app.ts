import type { Actor } from '../access/actor.ts'
import { mayCreateApps } from '../access/rights.ts'
import type { Scope } from '../access/scope.ts'
import { conflict, forbidden } from '../errors.ts'
import { newId } from '../ids.ts'
import { parseName, parseSlug } from '../names.ts'
import type { Ports, Stores } from '../ports.ts'
import { maxApps } from './model.ts'

/** Adds an app to the organization; its slug must be new there. */
export async function createApp(ports: Pick<Ports, 'changeBy'>, actor: Actor, input: { slug: string; name: string }): Promise<{ appId: string }> {
  const slug = parseSlug('slug', input.slug)
  const name = parseName('name', input.name)
  const appId = newId('app')
  const look = async (_stores: Stores, scope: Scope) => {
    if (!mayCreateApps(scope)) throw forbidden()
  }
  await ports.changeBy(actor, look, async ({ apps, now, record }, scope) => {
    const [same, count] = await Promise.all([apps.find({ select: { id: true } }, scope, { slug }), apps.count(scope)])
    if (same !== null) throw conflict('slug: an app with this slug exists', 'slug')
    if (count >= maxApps) throw conflict(`slug: an organization has at most ${maxApps} apps`, 'slug')
    await apps.insert({ id: appId, organizationId: scope.organizationId, slug, name, createdAt: now })
    record({ kind: 'APP_CREATED', subjectName: name, actorId: scope.memberId, appId })
  })
  return { appId }
}
