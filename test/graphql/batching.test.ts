import { parse } from 'graphql'
import { beforeAll, describe, expect, test } from 'vitest'
import { createSchema } from '../../src/api/schema.ts'
import { priceOf } from '../../src/graphql/price.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { addMember } from '../../src/members/add-member.ts'
import { bootstrapOrganization } from '../../src/organizations/bootstrap-organization.ts'
import { as, type Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { type GraphQLAnswer, requestStatements } from '../support/server.ts'

const { server, company } = await companyOfFile({ WS_MAX_MESSAGES_PER_MINUTE: '100000', WS_MAX_SOCKETS_PER_MEMBER: '1000' })
let keyIds: string[]

beforeAll(async () => {
  keyIds = []
  for (let index = 0; index < 12; index++) keyIds.push((await company.createKey('devA', company.I1, `key ${index}`)).id)
  for (let index = 0; index < 4; index++) keyIds.push((await company.createKey('ownA', company.I2, `other ${index}`)).id)
  // Both are in ten other organizations, as what they are here.
  for (let index = 0; index < 10; index++) {
    const owner = { subject: 'ownA', name: 'ownA', email: null }
    const { organizationId, memberId } = await bootstrapOrganization(server.app.ports, { slug: `more-${index}`, name: `More ${index}`, owner })
    const actor = { ...company.members.ownA, organizationId, memberId }
    await addMember(server.app.ports, actor, { subject: 'devA', name: 'devA', email: null, role: 'MEMBER' })
  }
})

const aliased = (count: number, field: string): string => Array.from({ length: count }, (_, index) => `a${index}: ${field}`).join(' ')
const repeated = (ids: readonly string[], count: number): string[] => Array.from({ length: count }, (_, index) => ids[index % ids.length] ?? '')

/** One operation with the statements that it sent, that of its authentication included. */
async function sent(query: string, variables: object, person: Person): Promise<{ answer: GraphQLAnswer<Record<string, never>>; statements: string[] }> {
  server.statements.length = 0
  const answer = (await (await server.post({ query, variables }, as(person))).json()) as GraphQLAnswer<Record<string, never>>
  return { answer, statements: requestStatements(server) }
}

interface Kind {
  readonly query: string
  readonly variables?: () => object
  readonly statements: number
}

/** One for each way in which rows once cost statements; the first of each is who asks. */
const kinds: Record<string, Kind> = {
  'ids that repeat': {
    query: 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }',
    variables: () => ({ ids: repeated(keyIds.slice(0, 2), 100) }),
    statements: 2,
  },
  'ids of every type': {
    query: 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }',
    variables: () => ({ ids: repeated([company.members.devA.organizationId, company.members.devA.memberId, company.appId, company.I1, ...keyIds], 100) }),
    statements: 6,
  },
  'the same ids under aliases': {
    query: `query ($ids: [ID!]!) { ${aliased(49, 'nodes(ids: $ids) { id }')} }`,
    variables: () => ({ ids: repeated(keyIds, 90) }),
    statements: 2,
  },
  'one key and one instance under aliases': {
    query:
      `query ($key: ID!, $in: ID!) { ${aliased(20, 'apiKey(id: $key) { name }')} ${aliased(20, 'node(id: $key) { id }').replaceAll('a', 'b')} c: instance(id: $in) { name } d: instance(id: $in) { name } }`.replaceAll(
        'bpiKey',
        'apiKey',
      ),
    variables: () => ({ key: keyIds[0], in: company.I1 }),
    statements: 4,
  },
  'lists that conflict under aliases, in rows': {
    query: `{ apiKeys(first: 16) { edges { node { instance { ${Array.from({ length: 9 }, (_, index) => `a${index}: apiKeys(first: ${index + 1}) { edges { node { id } } }`).join(' ')} } } } } }`,
    statements: 2 + 8,
  },
  'conflicts within conflicts': {
    query: `{ apiKeys(first: 16) { edges { node { a: instance { x: apiKeys(first: 1) { totalCount edges { node { id } } } y: apiKeys(first: 2) { edges { node { id } } } }
      b: instance { x: apiKeys(first: 3) { edges { node { id app { p: instances(first: 1) { totalCount } q: instances(first: 2) { totalCount } } } } } y: apiKeys(first: 4) { edges { node { id } } } } } } } }`,
    statements: 2 + 7,
  },
  'conflicts in ids that repeat': {
    query: `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on AppInstance { ${Array.from({ length: 9 }, (_, index) => `a${index}: apiKeys(first: ${index + 1}) { edges { node { id } } }`).join(' ')} } } }`,
    variables: () => ({ ids: repeated([company.I1], 75) }),
    statements: 2 + 8,
  },
  'who has access, under rows': {
    query:
      '{ apiKeys(first: 4) { edges { node { instance { access(first: 2) { totalCount edges { node { role member { name } } } } viewerCan { delete } viewerRole } } } } }',
    statements: 2 + 3,
  },
  'counts of instances, under rows': {
    query: '{ apiKeys(first: 16) { edges { node { app { instances(first: 1) { totalCount } } } } } apps { instances(first: 1) { totalCount } } }',
    statements: 3 + 2,
  },
  'counts of keys, under rows': {
    query: '{ apiKeys(first: 16) { edges { node { app { keyCounts { total } apiKeys(first: 1) { totalCount } } instance { keyCounts { total } } } } } }',
    statements: 2 + 2,
  },
  'counts of other organizations': { query: '{ viewer { organizations { id keyCounts { total } } } }', statements: 4 },
  'keys by last use, in rows': {
    query:
      '{ apiKeys(first: 2) { edges { node { instance { apiKeys(first: 3, orderBy: LAST_USED_AT_DESC) { totalCount edges { node { id app { name } } } } } } } } }',
    statements: 2 + 5,
  },
  'keys by last use': { query: '{ apiKeys(first: 16, orderBy: LAST_USED_AT_DESC) { edges { node { id } } } }', statements: 3 },
}

const { schema } = createSchema()

describe('rows cost no statements of their own', () => {
  for (const [name, { query, variables, statements }] of Object.entries(kinds)) {
    for (const person of ['ownA', 'devA'] as const) {
      test(`${name}, as ${person}`, async () => {
        const { answer, statements: found } = await sent(query, variables?.() ?? {}, person)
        expect(answer.errors).toBeUndefined()
        expect(found.length, found.join('\n')).toBeLessThanOrEqual(statements)
        const { statements: price } = priceOf({ schema, document: parse(query), variableValues: variables?.() as never })
        expect(found.length).toBeLessThanOrEqual(1 + price)
      })
    }
  }

  test('ids that repeat are answered in their order, what is out of sight is null', async () => {
    const ids = [keyIds[0], company.J1, company.I1, keyIds[0], 'nothing', company.members.devA.organizationId, company.members.ownB.organizationId]
    const { answer } = await sent(
      'query ($ids: [ID!]!) { a: nodes(ids: $ids) { __typename id } b: nodes(ids: $ids) { id ... on ApiKey { name } } }',
      { ids },
      'devA',
    )
    const [key, , instance, , , organization] = ids
    expect(answer.data?.['a']).toEqual([
      { __typename: 'ApiKey', id: key },
      null,
      { __typename: 'AppInstance', id: instance },
      { __typename: 'ApiKey', id: key },
      null,
      { __typename: 'Organization', id: organization },
      null,
    ])
    expect(answer.data?.['b']).toEqual([{ id: key, name: 'key 0' }, null, { id: instance }, { id: key, name: 'key 0' }, null, { id: organization }, null])
  })

  test('each row gets its own pages back, whatever was read for all', async () => {
    const page = (first: number): string => `apiKeys(first: ${first}) { totalCount edges { node { name } } }`
    const { answer } = await sent(`{ apps { instances(first: 2) { edges { node { name a: ${page(1)} b: ${page(3)} } } } } }`, {}, 'ownA')
    const node = (name: string, totalCount: number, names: readonly string[]) => ({
      node: {
        name,
        a: { totalCount, edges: names.slice(0, 1).map((each) => ({ node: { name: each } })) },
        b: { totalCount, edges: names.slice(0, 3).map((each) => ({ node: { name: each } })) },
      },
    })
    expect(answer.data?.['apps']).toEqual([
      { instances: { edges: [node('I1', 12, ['key 11', 'key 10', 'key 9']), node('I2', 4, ['other 3', 'other 2', 'other 1'])] } },
    ])
  })

  test('counts of other organizations are what the member sees there', async () => {
    const ofEach = async (person: Person): Promise<number[]> => {
      const { answer } = await sent('{ viewer { organizations { slug keyCounts { total } } } }', {}, person)
      const organizations = (answer.data?.['viewer'] ?? { organizations: [] }).organizations as { keyCounts: { total: number } }[]
      expect(organizations).toHaveLength(11)
      return organizations.map(({ keyCounts }) => keyCounts.total)
    }
    expect((await ofEach('ownA')).sort()).toEqual([...Array(10).fill(0), 16].sort())
    expect((await ofEach('devA')).sort()).toEqual([...Array(10).fill(0), 12].sort())
    // From one of the others this one is another: seen by the same rules as from within.
    const elsewhere = async (subject: string): Promise<unknown> =>
      (await server.post({ query: '{ viewer { organizations { slug keyCounts { total active } } } }' }, { subject, organization: 'more-0' })).json()
    expect(JSON.stringify(await elsewhere('ownA'))).toContain('{"slug":"a","keyCounts":{"total":16,"active":16}}')
    expect(JSON.stringify(await elsewhere('devA'))).toContain('{"slug":"a","keyCounts":{"total":12,"active":12}}')
  })

  test('who loses sight of an instance by changing it is shown it once more, also what is read of it by statements of its own', async () => {
    const { ports } = server.app
    const { ownA, devA } = company.members
    const { instanceId } = await createAppInstance(ports, ownA, { appId: company.appId, name: 'short' })
    await setInstanceAccess(ports, ownA, { instanceId, memberId: devA.memberId, role: 'OWNER' })
    await createApiKey(ports, devA, { instanceId, name: 'one', expiresInDays: 1 })
    const page = 'apiKeys(first: 1) { totalCount edges { node { name } } }'
    const query = `mutation ($in: ID!) { deleteAppInstance(input: { id: $in, acknowledged: true }) { instance { status keyCounts { orphaned } a: ${page} b: ${page.replace('1', '2')} } } }`
    const { answer } = await sent(query, { in: instanceId }, 'devA')
    const shown = { totalCount: 1, edges: [{ node: { name: 'one' } }] }
    expect(answer).toEqual({ data: { deleteAppInstance: { instance: { status: 'DELETED', keyCounts: { orphaned: 1 }, a: shown, b: shown } } } })
  })
})
