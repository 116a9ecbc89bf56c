import type { Actor } from '../../src/access/actor.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import type { Company, Person } from '../support/company.ts'
import type { GraphQLAnswer, TestServer } from '../support/server.ts'

/** What a cell is about: an id, and the person who acts. */
export interface Subject {
  readonly id: string
}

export type Subjects = (name: string, person: Person | null) => Promise<Subject>

/** Makes what the table's cases speak of, anew for each cell, so that no cell sees what another changed. */
export async function createSubjects(server: TestServer, company: Company): Promise<Subjects> {
  const { ports } = server.app
  const { ownA, devA, dev2A } = company.members
  await server.sql(
    "INSERT INTO app (id, organization_id, slug, name, created_at) SELECT 'app_01h455vb4pex5vsknk084sn02q', organization_id, 'only-a', 'Only A', created_at FROM app WHERE id = $1 RETURNING 1",
    company.appId,
  )
  const instance = async (): Promise<string> => {
    const { instanceId } = await createAppInstance(ports, ownA, { appId: company.appId, name: 'case' })
    await setInstanceAccess(ports, ownA, { instanceId, memberId: devA.memberId, role: 'OWNER' })
    await setInstanceAccess(ports, ownA, { instanceId, memberId: dev2A.memberId, role: 'USER' })
    return instanceId
  }
  const remove = (id: string) => deleteAppInstance(ports, ownA, { id, acknowledged: true })
  const expire = async (id: string): Promise<string> => {
    await server.sql('UPDATE api_key SET expired_at = created_at WHERE id = $1 RETURNING 1', id)
    return id
  }
  const { memberId } = await addMember(ports, ownA, { subject: 'another', name: 'another', role: 'AURA_OWNER' })
  /** A key of somebody else than any of the table's persons. */
  const keyOfAnother = async (instanceId: string): Promise<string> =>
    (await createApiKey(ports, { ...ownA, memberId }, { instanceId, name: 'key', expiresInDays: 30 })).keyId
  const keyOf = async (person: Person | null, instanceId: string): Promise<string> => {
    if (person === null) throw new Error('nobody has no key')
    return (await company.createKey(person, instanceId)).id
  }
  let newcomers = 0
  const newcomer = async (): Promise<Actor> => {
    const { memberId } = await addMember(ports, ownA, { subject: `newcomer-${newcomers++}`, name: 'newcomer', role: 'AURA_OWNER' })
    return { ...ownA, memberId }
  }
  const removed = async (): Promise<string> => {
    const { memberId: id } = await newcomer()
    await removeMember(ports, ownA, { id, acknowledged: true })
    return id
  }
  const orphanOfRemoved = async (instanceId: string): Promise<string> => {
    const creator = await newcomer()
    const { keyId } = await createApiKey(ports, creator, { instanceId, name: 'key', expiresInDays: 30 })
    await removeMember(ports, ownA, { id: creator.memberId, acknowledged: true })
    return keyId
  }
  const actorOf = (person: Person | null): Actor => {
    if (person === null) throw new Error('nobody has nothing of their own')
    return company.members[person]
  }
  /** A save token of a new key of the actor, and the key's instance. */
  const newKey = async (actor: Actor): Promise<{ token: string; instanceId: string }> => {
    const instanceId = await instance()
    const { saveToken } = await createApiKey(ports, actor, { instanceId, name: 'key', expiresInDays: 30 })
    return { token: saveToken ?? '', instanceId }
  }
  let secrets = 0
  const secretOf = async (actor: Actor): Promise<string> => {
    const saveAsSecret = { name: `secret_${secrets++}` }
    return (await createApiKey(ports, actor, { instanceId: await instance(), name: 'key', expiresInDays: 30, saveAsSecret })).secretId ?? ''
  }

  const cases: Record<string, (person: Person | null) => Promise<string>> = {
    oneself: async () => '',
    'own organization': async () => '',
    'by slug': async () => 'only-a',
    organization: async () => ownA.organizationId,
    member: async () => devA.memberId,
    app: async () => company.appId,
    'live instance': async () => {
      const id = await instance()
      await keyOfAnother(id)
      return id
    },
    'deleted instance': async () => {
      const id = await instance()
      await keyOfAnother(id)
      await remove(id)
      return id
    },
    'orphans of a live instance': async () => {
      const id = await instance()
      await orphanOfRemoved(id)
      return id
    },
    'own secret': async (person) => secretOf(actorOf(person)),
    "another's secret": async () => secretOf({ ...ownA, memberId }),
    'own new key': async (person) => (await newKey(actorOf(person))).token,
    'own orphaned key': async (person) => {
      const { token, instanceId } = await newKey(actorOf(person))
      await remove(instanceId)
      return token
    },
    "another's new key": async () => (await newKey({ ...ownA, memberId })).token,
    somebody: async () => (await newcomer()).memberId,
    'removed member': removed,
    'last owner': async () => ownA.memberId,
    event: async () => (await server.sql<{ id: string }>('SELECT id FROM event WHERE organization_id = $1 AND version = 1', ownA.organizationId))[0]?.id ?? '',
    'own key': async (person) => keyOf(person, await instance()),
    'own expired key': async (person) => expire(await keyOf(person, await instance())),
    "another's key": async () => keyOfAnother(await instance()),
    'expired key': async () => expire(await keyOfAnother(await instance())),
    'revoked key': async () => {
      const id = await keyOfAnother(await instance())
      await revokeApiKeys(ports, ownA, { ids: [id], acknowledged: true })
      return id
    },
    'orphan of a removed creator': async () => orphanOfRemoved(await instance()),
    'orphan of a deleted instance': async () => {
      const instanceId = await instance()
      const id = await keyOfAnother(instanceId)
      await remove(instanceId)
      return id
    },
  }
  return async (name, person) => {
    const make = cases[name]
    if (!make) throw new Error(`the table speaks of "${name}", which nobody makes`)
    return { id: await make(person) }
  }
}

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
    ({ id }, company) => ({
      instanceId: id,
      memberId: company.members.auraA.memberId,
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
  'Query.auditLog': () => ({ query: '{ auditLog { edges { node { id } } } }', variables: {} }),
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
