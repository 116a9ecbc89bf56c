import { createApp } from '../../src/apps/create-app.ts'
import { signToken } from '../../src/authentication/tokens.ts'
import { compose } from '../../src/compose.ts'
import { loadConfig } from '../../src/config.ts'
import { bootstrapOrganization } from '../../src/organizations/bootstrap-organization.ts'
import { secret } from './cluster.ts'

/** An organization with an owner and an app. Each has a mark of its own. */
export interface Organization {
  readonly slug: string
  readonly appId: string
}

/** Migrates an empty database, and makes that many organizations in it. */
export async function makeOrganizations(env: Readonly<Record<string, string>>, count: number): Promise<Organization[]> {
  const app = await compose(loadConfig(env))
  const made: Organization[] = []
  for (let index = 0; index < count; index++) {
    const slug = `o${index}`
    const { organizationId, memberId } = await bootstrapOrganization(app.ports, { slug, name: slug, owner: { subject: 'owner', name: 'owner' } })
    const owner = { subject: 'owner', organizationId, memberId, role: 'OWNER' as const, organizationVersion: 0n, expiresAt: new Date(8.64e15) }
    made.push({ slug, appId: (await createApp(app.ports, owner, { slug: 'app', name: 'app' })).appId })
  }
  await app.close()
  return made
}

/** For longer than clocks are set ahead. */
export const authorizationOf = async (organization: string, subject = 'owner'): Promise<string> =>
  `Bearer ${await signToken(new TextEncoder().encode(secret), { subject, organization, organizationClaim: 'org', ttl: '12h' })}`
