import type { Company } from '../support/company.ts'
import type { GraphQLAnswer } from '../support/server.ts'
import type { Subject } from './subjects.ts'

interface Sent {
  query: string
  variables: object
  /** In a list, only this row counts. */
  only?: string
}

let slugs = 0
const input =
  (query: string, value: (subject: Subject, company: Company) => object) =>
  (subject: Subject, company: Company): Sent => ({
    query,
    variables: { input: value(subject, company) },
  })
const byId =
  (query: string) =>
  ({ id }: Subject): Sent => ({ query, variables: { id } })

/** How each operation is sent about a subject. */
export const operations: Record<string, (subject: Subject, company: Company) => Sent> = {
  'Query.viewer': () => ({ query: '{ viewer { member { id } organization { id } } }', variables: {} }),
  'Query.apps': () => ({ query: '{ apps { id } }', variables: {} }),
  'Query.app': ({ id }) => ({ query: 'query ($slug: String!) { app(slug: $slug) { id } }', variables: { slug: id } }),
  'Query.instance': byId('query ($id: ID!) { instance(id: $id) { id } }'),
  'Query.apiKey': byId('query ($id: ID!) { apiKey(id: $id) { id } }'),
  'Query.apiKeys': byId('query ($id: ID!) { apiKeys(filter: { instanceId: $id }) { edges { node { id } } } }'),
  'Query.node': byId('query ($id: ID!) { node(id: $id) { id } }'),
  'Query.nodes': byId('query ($id: ID!) { nodes(ids: [$id]) { id } }'),
  'Mutation.createApp': input('mutation ($input: CreateAppInput!) { createApp(input: $input) { app { id } } }', () => ({ slug: `s${slugs++}`, name: 'x' })),
  'Mutation.createAppInstance': input('mutation ($input: CreateAppInstanceInput!) { createAppInstance(input: $input) { instance { id } } }', ({ id }) => ({
    appId: id,
    name: 'x',
  })),
  'Mutation.deleteAppInstance': input(
    'mutation ($input: DeleteAppInstanceInput!) { deleteAppInstance(input: $input) { instance { id } orphanedKeys } }',
    ({ id }) => ({
      id,
      acknowledged: true,
    }),
  ),
  'Mutation.setInstanceAccess': input(
    'mutation ($input: SetInstanceAccessInput!) { setInstanceAccess(input: $input) { instance { id } } }',
    ({ id, memberId }, company) => ({
      instanceId: id,
      memberId: memberId ?? company.members.auraA.memberId,
      role: 'USER',
    }),
  ),
  'Mutation.createApiKey': input('mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } plaintext } }', ({ id }) => ({
    instanceId: id,
    name: 'x',
    expiresInDays: 1,
  })),
  'Mutation.revokeApiKey': input('mutation ($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { apiKey { id } instance { id } } }', ({ id }) => ({
    id,
    acknowledged: true,
  })),
  'Mutation.revokeApiKeys': input('mutation ($input: RevokeApiKeysInput!) { revokeApiKeys(input: $input) { results { id errorCode } } }', ({ id }) => ({
    ids: [id],
    acknowledged: true,
  })),
  'Query.members': () => ({ query: '{ members { edges { node { id } } } }', variables: {} }),
  'Query.secrets': ({ id }) => ({ query: '{ secrets(first: 100) { edges { node { id } } } }', variables: {}, only: id }),
  'Query.auditLog': ({ id }) => ({
    query: 'query ($instanceId: ID) { auditLog(filter: { instanceId: $instanceId }) { edges { node { id } } } }',
    variables: id === '' ? {} : { instanceId: id },
  }),
  'Mutation.addMember': input('mutation ($input: AddMemberInput!) { addMember(input: $input) { member { id } } }', () => ({
    subject: `added-${slugs++}`,
    name: 'x',
    role: 'MEMBER',
  })),
  'Mutation.removeMember': input('mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { member { id } orphanedKeys } }', ({ id }) => ({
    id,
    acknowledged: true,
  })),
  'Mutation.setMemberRole': input('mutation ($input: SetMemberRoleInput!) { setMemberRole(input: $input) { member { role } } }', ({ id }) => ({
    id,
    role: 'MEMBER',
  })),
  'Mutation.saveApiKeyAsSecret': input('mutation ($input: SaveApiKeyAsSecretInput!) { saveApiKeyAsSecret(input: $input) { secret { id } } }', ({ id }) => ({
    saveToken: id,
    name: `saved_${slugs++}`,
  })),
  'Mutation.revealSecret': input('mutation ($input: RevealSecretInput!) { revealSecret(input: $input) { value } }', ({ id }) => ({ id })),
  'Mutation.deleteSecret': input('mutation ($input: DeleteSecretInput!) { deleteSecret(input: $input) { deletedSecretId } }', ({ id }) => ({ id })),
  'Subscription.keyCountsOf': ({ id }) => ({
    query: 'subscription ($ids: [ID!]) { keyCountsOf(appIds: $ids) { counts { total } } }'.replace('appIds', id.startsWith('app_') ? 'appIds' : 'instanceIds'),
    variables: { ids: [id] },
  }),
  'Subscription.apiKeyChanged': ({ id }) => ({
    query: 'subscription ($appId: ID, $instanceId: ID) { apiKeyChanged(appId: $appId, instanceId: $instanceId, after: 0) { version apiKey { id } } }',
    variables: id.startsWith('app_') ? { appId: id } : { instanceId: id },
  }),
  'Subscription.events': () => ({ query: 'subscription { events(after: 0) { version } }', variables: {} }),
  'Subscription.keyCounts': ({ id }) => ({
    query: 'subscription ($appId: ID, $instanceId: ID) { keyCounts(appId: $appId, instanceId: $instanceId) { total version } }',
    variables: id.startsWith('app_') ? { appId: id } : id === '' ? {} : { instanceId: id },
  }),
}

/** What a table's cell says of an answer. */
export function outcomeOf(answer: GraphQLAnswer<unknown> | null, only?: string): string {
  if (!answer) return 'ended'
  if (answer.errors) return answer.errors[0]?.extensions.code ?? 'no code'
  const [value] = Object.values((answer.data ?? {}) as Record<string, unknown>)
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return value.length === 0 ? 'empty' : value[0] === null ? 'null' : 'rows'
  const { edges, results } = value as { edges?: { node: { id: string } }[]; results?: { errorCode: string | null }[] }
  if (edges) return edges.some(({ node }) => only === undefined || node.id === only) ? 'rows' : 'empty'
  if (results) return results[0]?.errorCode ?? 'data'
  return 'data'
}
