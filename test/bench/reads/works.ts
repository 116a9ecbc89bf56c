import { readdirSync, readFileSync } from 'node:fs'
import { creating } from '../creates/place.ts'
import type { Place, Role } from './place.ts'

/** Who answers: this server with and without keeping of answers, and others. */
export const kinds = ['aura-keys', 'aura-keys, nothing kept', 'bare node:http', 'node:http + SQL', 'Mercurius', 'PostGraphile'] as const
export type Kind = (typeof kinds)[number]

export interface Body {
  readonly query: string
  readonly operationName: string
  readonly variables: object
}

export interface Question {
  readonly role: Role
  readonly body: Body
  /** The same for PostGraphile, whose schema follows from the tables. */
  readonly otherwise?: Body
  /** What is in a right answer; else an id from the first one. */
  readonly expected?: string
}

/** Questions that are asked in turn, and who is asked. */
export interface Work {
  readonly name: string
  readonly questions: readonly Question[]
  readonly by: readonly Kind[]
  /** Whether all who are asked must give the same answers. */
  readonly isSame?: boolean
}

const [first, instances] = [20, 10]
const counts = 'active expired orphaned revoked'
const key = 'name hint status createdAt expiresAt'
const queries = {
  page: `query Page($id: ID!, $first: Int!) { instance(id: $id) { id name keyCounts { total ${counts} }
    apiKeys(first: $first) { edges { node { id ${key} createdBy { name } } } } } }`,
  apps: `query Apps($first: Int!) { apps { id name instances(first: $first) { edges { node { id name status keyCounts { total ${counts} } } } } } }`,
  poll: 'query Poll($id: ID!) { instance(id: $id) { id keyCounts { total active expired orphaned revoked version } } }',
}
const otherQueries = {
  page: `query Page($id: String!, $first: Int!) { instance: appInstanceByRowId(rowId: $id) { id: rowId name keyCounts: keyCountBySubjectId { ${counts} }
    apiKeys: apiKeysByInstanceId(first: $first, orderBy: [CREATED_AT_DESC, PRIMARY_KEY_DESC]) { edges { node { id: rowId ${key} createdBy: memberByCreatedById { name } } } } } }`,
  apps: `query Apps($organization: String!, $first: Int!) { apps: allApps(condition: { organizationId: $organization }, orderBy: [NAME_ASC, PRIMARY_KEY_ASC]) {
    nodes { id: rowId name instances: appInstancesByAppId(first: $first, condition: { deletedAt: null }, orderBy: [NAME_ASC, PRIMARY_KEY_ASC]) {
      edges { node { id: rowId name status keyCounts: keyCountBySubjectId { ${counts} } } } } } } }`,
}

const pageOf = (role: Role, id: string): Question => {
  const shared = { operationName: 'Page', variables: { id, first } }
  return { role, body: { query: queries.page, ...shared }, otherwise: { query: otherQueries.page, ...shared } }
}

const appsOf = (role: Role, { organizationId }: Place): Question => ({
  role,
  body: { query: queries.apps, operationName: 'Apps', variables: { first: instances } },
  otherwise: { query: otherQueries.apps, operationName: 'Apps', variables: { organization: organizationId, first: instances } },
})

const folder = 'schema/operations/portal'
const textOf = (name: string): string => readFileSync(`${folder}/${name}.graphql`, 'utf8')

/** A document of the portal with its fragments, each from the file of its name. */
function portalDocument(name: string): string {
  const texts = new Map([[name, textOf(name)]])
  for (const text of texts.values()) {
    for (const [, fragment = ''] of text.matchAll(/\.\.\.(\w+)/g)) {
      const file = fragment.replace(/(?!^)[A-Z]/g, '-$&').toLowerCase()
      if (!texts.has(file)) texts.set(file, textOf(file))
    }
  }
  return [...texts.values()].join('\n')
}

/** The documents of the portal with the variables that its pages send. */
function portalOf(role: Role, { app: { slug }, instanceIds: [id], keyId }: Place): Question[] {
  const rows = 25
  const variables: Record<string, object> = {
    apps: {},
    'audit-log': { first: rows },
    'instance-access': { id, first: rows },
    instance: { id },
    instances: { slug, first: rows },
    key: { id: keyId },
    keys: { filter: { instanceId: id }, first: rows },
    members: { first: rows },
    'orphans-to-be': { filter: { instanceId: id, status: ['ACTIVE', 'EXPIRED'] } },
    'palette-instances': {},
    palette: { search: 'page' },
    secrets: { first: rows },
    viewer: {},
  }
  const names = readdirSync(folder).map((file) => file.replace('.graphql', ''))
  return names.flatMap((name) => {
    const query = portalDocument(name)
    const operationName = /^query (\w+)/m.exec(textOf(name))?.[1]
    if (operationName === undefined) return []
    const given = variables[name]
    if (!given) throw new Error(`the benchmark does not know which variables ${name} has`)
    return [{ role, body: { query, operationName, variables: given } }]
  })
}

/** Nineteen reads, then a change. */
function mixOf({ instanceIds }: Place): Question[] {
  const pages = (['owner', 'member'] as const).flatMap((role) => instanceIds.map((id) => ({ ...pageOf(role, id), expected: id })))
  const reads = Array.from({ length: 19 }, (_, index) => pages[index % pages.length] as Question)
  return [...reads, { role: 'owner', ...creating(instanceIds[0]) }]
}

export function worksOf(place: Place): Work[] {
  const ours: Kind[] = ['aura-keys', 'aura-keys, nothing kept', 'bare node:http']
  const each = (['owner', 'member'] as const).flatMap((role): Work[] => [
    { name: `page, ${role}`, questions: [pageOf(role, place.instanceIds[0])], by: kinds, isSame: true },
    // Which instances a member sees is not in the schema that PostGraphile makes.
    { name: `apps, ${role}`, questions: [appsOf(role, place)], by: kinds.filter((kind) => role === 'owner' || kind !== 'PostGraphile'), isSame: true },
    { name: `portal, ${role}`, questions: portalOf(role, place), by: ours },
  ])
  const poll: Question = { role: 'member', body: { query: queries.poll, operationName: 'Poll', variables: { id: place.instanceIds[0] } } }
  return [
    ...each,
    { name: 'poll, member', questions: [poll], by: ours },
    { name: '19 pages, 1 create', questions: mixOf(place), by: ['aura-keys', 'aura-keys, nothing kept', 'node:http + SQL', 'Mercurius'] },
  ]
}
