import { beforeAll, expect, test } from 'vitest'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import * as documents from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { dataOf, requestStatements } from '../support/server.ts'

const { server, company } = await companyOfFile()
let keyIds: string[]
let saveToken: string
let secretId: string

beforeAll(async () => {
  keyIds = []
  for (const name of ['one', 'two', 'three', 'four']) keyIds.push((await company.createKey('devA', company.I1, name)).id)
  const { ports } = server.app
  const { ownA } = company.members
  const input = { instanceId: company.I1, name: 'saved', expiresInDays: 1 }
  saveToken = (await createApiKey(ports, ownA, input)).saveToken ?? ''
  secretId = (await createApiKey(ports, ownA, { ...input, saveAsSecret: { name: 'now' } })).secretId ?? ''
})

/** Statements of one request, the one that authenticates included; BEGIN and COMMIT do not count. */
const costs: Record<string, { statements: number; variables: () => object }> = {
  Viewer: { statements: 5, variables: () => ({}) },
  Apps: { statements: 2, variables: () => ({}) },
  AppsWithInstances: { statements: 2, variables: () => ({ first: 10 }) },
  App: { statements: 3, variables: () => ({ slug: 'functions' }) },
  AppKeys: { statements: 3, variables: () => ({ slug: 'functions' }) },
  FindInstance: { statements: 2, variables: () => ({ app: 'functions', name: 'I' }) },
  Instance: { statements: 2, variables: () => ({ id: company.I1 }) },
  InstanceKeys: { statements: 3, variables: () => ({ id: company.I1 }) },
  ApiKeys: { statements: 3, variables: () => ({}) },
  ApiKey: { statements: 2, variables: () => ({ id: keyIds[0] }) },
  Node: { statements: 2, variables: () => ({ id: keyIds[0] }) },
  Nodes: { statements: 4, variables: () => ({ ids: [company.I1, company.appId, keyIds[0]] }) },
  CreateApp: { statements: 9, variables: () => ({ input: { slug: 'more', name: 'More' } }) },
  CreateAppInstance: { statements: 9, variables: () => ({ input: { appId: company.appId, name: 'More' } }) },
  SetInstanceAccess: { statements: 10, variables: () => ({ input: { instanceId: company.I1, memberId: company.members.viewA.memberId, role: 'USER' } }) },
  CreateApiKey: { statements: 7, variables: () => ({ input: { instanceId: company.I1, name: 'x', expiresInDays: 1 } }) },
  RevokeApiKey: { statements: 9, variables: () => ({ input: { id: keyIds[1], acknowledged: true } }) },
  RevokeApiKeys: { statements: 8, variables: () => ({ input: { ids: [keyIds[2], keyIds[3]], acknowledged: true } }) },
  Members: { statements: 3, variables: () => ({}) },
  InstanceAccess: { statements: 3, variables: () => ({ id: company.I1 }) },
  Secrets: { statements: 4, variables: () => ({}) },
  AuditLog: { statements: 3, variables: () => ({ first: 2 }) },
  AddMember: { statements: 7, variables: () => ({ input: { subject: 'new', name: 'New', role: 'MEMBER' } }) },
  SetMemberRole: { statements: 7, variables: () => ({ input: { id: company.members.viewA.memberId, role: 'AURA_OWNER' } }) },
  RemoveMember: { statements: 10, variables: () => ({ input: { id: company.members.viewA.memberId, acknowledged: true } }) },
  SaveApiKeyAsSecret: { statements: 12, variables: () => ({ input: { saveToken, name: 'later' } }) },
  RevealSecret: { statements: 8, variables: () => ({ input: { id: secretId } }) },
  DeleteSecret: { statements: 6, variables: () => ({ input: { id: secretId } }) },
  DeleteAppInstance: { statements: 11, variables: () => ({ input: { id: company.I2, acknowledged: true } }) },
}

const subscriptions = ['KeyCounts', 'KeyCountsOf', 'ApiKeyChanged', 'Events']

test('every operation document but the subscriptions has its number of statements', () => {
  const names = Object.keys(documents).flatMap((name) => /^(\w+)Document$/.exec(name)?.[1] ?? [])
  expect(Object.keys(costs).sort()).toEqual(names.filter((name) => !subscriptions.includes(name)).sort())
})

for (const [name, { statements, variables }] of Object.entries(costs)) {
  test(`${name} costs at most ${statements} statements`, async () => {
    const document = (documents as unknown as Record<string, typeof documents.ApiKeyDocument>)[`${name}Document`] as typeof documents.ApiKeyDocument
    server.statements.length = 0
    dataOf(await server.graphql(document, variables() as never, as('ownA')))
    const sent = requestStatements(server)
    expect(sent.length, sent.join('\n')).toBeLessThanOrEqual(statements)
    expect(sent.length).toBeGreaterThan(0)
  })
}

test('twenty secrets, and twenty events of them, cost no more statements than one', async () => {
  const { ports } = server.app
  const { ownA } = company.members
  const cost = async (document: typeof documents.SecretsDocument | typeof documents.AuditLogDocument, first: number): Promise<[number, string[]]> => {
    server.statements.length = 0
    const data = dataOf(await server.graphql(document as typeof documents.AuditLogDocument, { first }, as('ownA')))
    return [requestStatements(server).length, JSON.stringify(data).match(/(?:apiKey|secret)":\{"id":"(?:key|sec)_/g) ?? []]
  }
  for (let index = 0; index < 20; index++) {
    await createApiKey(ports, ownA, { instanceId: company.I1, name: 'kept', expiresInDays: 1, saveAsSecret: { name: `kept_${index}` } })
  }
  for (const [document, shown] of [
    [documents.SecretsDocument, 20],
    [documents.AuditLogDocument, 60],
  ] as const) {
    const [one] = await cost(document, 2)
    const [many, found] = await cost(document, shown === 20 ? 20 : 40)
    expect(many).toBe(one)
    expect(found).toHaveLength(shown)
  }
})

test('a search costs one statement more than the same list without it', async () => {
  const cost = async (document: typeof documents.ApiKeysDocument | typeof documents.MembersDocument, filter: object): Promise<number> => {
    server.statements.length = 0
    dataOf(await server.graphql(document as typeof documents.ApiKeysDocument, { filter, first: 7 }, as('ownA')))
    return requestStatements(server).length
  }
  // Both are counted in the same way.
  const [keysAsked, found] = [
    await cost(documents.ApiKeysDocument, { expiresBefore: '2099-01-01T00:00:00Z' }),
    await cost(documents.ApiKeysDocument, { search: 'saved' }),
  ]
  expect([keysAsked, found]).toEqual([keysAsked, keysAsked + 1])
  const [membersAsked, sought] = [await cost(documents.MembersDocument, {}), await cost(documents.MembersDocument, { search: 'own' })]
  expect([membersAsked, sought]).toEqual([membersAsked, membersAsked + 1])
})

test('a key is found in its secret without its id being asked for, and not at all once it is out of sight', async () => {
  const query = '{ secrets(first: 1) { edges { node { apiKey { name } } } } }'
  const shown = async () => JSON.stringify(await (await server.post({ query }, as('dev2A'))).json())
  await createApiKey(server.app.ports, company.members.dev2A, { instanceId: company.I1, name: 'mine', expiresInDays: 1, saveAsSecret: { name: 'mine' } })
  expect(await shown()).toContain('{"apiKey":{"name":"mine"}}')
  await setInstanceAccess(server.app.ports, company.members.ownA, { instanceId: company.I1, memberId: company.members.dev2A.memberId, role: null })
  expect(await shown()).toContain('{"apiKey":null}')
})

test('a payload of which only the id is asked for is not read', async () => {
  const create = async (selection: string): Promise<{ id: string; statements: number }> => {
    const query = `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { ${selection} } } }`
    server.statements.length = 0
    const answer = await server.post({ query, variables: { input: { instanceId: company.I1, name: 'only', expiresInDays: 1 } } }, as('ownA'))
    const { data } = (await answer.json()) as { data: { createApiKey: { apiKey: { id: string } } } }
    return { id: data.createApiKey.apiKey.id, statements: requestStatements(server).length }
  }
  const [alone, more] = [await create('id'), await create('id name')]
  expect(alone.statements).toBe(more.statements - 1)
  expect(await server.sql(`SELECT 1 FROM api_key WHERE id = '${alone.id}'`)).toHaveLength(1)
})
