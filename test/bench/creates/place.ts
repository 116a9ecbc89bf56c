import { createApp } from '../../../src/apps/create-app.ts'
import { compose } from '../../../src/compose.ts'
import { loadConfig } from '../../../src/config.ts'
import { createAppInstance } from '../../../src/instances/create-app-instance.ts'
import { bootstrapOrganization } from '../../../src/organizations/bootstrap-organization.ts'
import { type BenchEnvironment, createEnvironment } from '../environment.ts'
import { type Asked, post } from '../http/clients.ts'

/** Organizations with an instance each, in a database of their own. */
export interface Place extends BenchEnvironment {
  /** For each of them, the request of its owner that creates a key. */
  readonly creates: readonly Asked[]
}

const query = 'mutation Create($input: CreateApiKeyInput!) { createApiKey(input: $input) { plaintext apiKey { id } } }'

/** What a client sends to create a key of the instance, and what is in the answer. */
export const creating = (instanceId: string) => ({
  body: { query, operationName: 'Create', variables: { input: { instanceId, name: 'benched', expiresInDays: 30 } } },
  expected: '"aura_',
})

export async function createPlace(postgresUrl: string, organizations: number): Promise<Place> {
  const environment = await createEnvironment(postgresUrl)
  const app = await compose(loadConfig(environment.settings))
  const { ports } = app
  const creates: Asked[] = []
  for (let index = 0; index < organizations; index++) {
    const slug = `org-${index}`
    const ids = await bootstrapOrganization(ports, { slug, name: slug, owner: { subject: 'owner', name: 'Owner' } })
    const actor = { ...ids, subject: 'owner', role: 'OWNER' as const, organizationVersion: 0n, expiresAt: new Date(Date.now() + 3_600_000) }
    const { appId } = await createApp(ports, actor, { slug: 'app', name: 'app' })
    const { instanceId } = await createAppInstance(ports, actor, { appId, name: 'instance' })
    const { body, expected } = creating(instanceId)
    creates.push({ text: post('/graphql', body, await environment.authorization('owner', slug)), expected })
  }
  await app.close()
  return { ...environment, creates }
}
