import { afterAll, beforeAll, expect, test } from 'vitest'
import * as documents from '../generated/operations.ts'
import { as, type Company, createCompany } from '../support/company.ts'
import { dataOf, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let company: Company
let keyIds: string[]

beforeAll(async () => {
  server = await startServer()
  company = await createCompany(server)
  keyIds = []
  for (const name of ['one', 'two', 'three', 'four']) keyIds.push((await company.createKey('devA', company.I1, name)).id)
})
afterAll(() => server.close())

/** Statements of one request, the one that authenticates included; BEGIN and COMMIT do not count. */
const costs: Record<string, { statements: number; variables: () => object }> = {
  Viewer: { statements: 4, variables: () => ({}) },
  Apps: { statements: 3, variables: () => ({}) },
  AppsWithInstances: { statements: 3, variables: () => ({ first: 10 }) },
  App: { statements: 4, variables: () => ({ slug: 'functions' }) },
  AppKeys: { statements: 3, variables: () => ({ slug: 'functions' }) },
  Instance: { statements: 3, variables: () => ({ id: company.I1 }) },
  InstanceKeys: { statements: 4, variables: () => ({ id: company.I1 }) },
  ApiKeys: { statements: 3, variables: () => ({}) },
  ApiKey: { statements: 2, variables: () => ({ id: keyIds[0] }) },
  Node: { statements: 2, variables: () => ({ id: keyIds[0] }) },
  Nodes: { statements: 4, variables: () => ({ ids: [company.I1, company.appId, keyIds[0]] }) },
  CreateApp: { statements: 9, variables: () => ({ input: { slug: 'more', name: 'More' } }) },
  CreateAppInstance: { statements: 8, variables: () => ({ input: { appId: company.appId, name: 'More' } }) },
  SetInstanceAccess: { statements: 9, variables: () => ({ input: { instanceId: company.I1, memberId: company.members.viewA.memberId, role: 'USER' } }) },
  CreateApiKey: { statements: 7, variables: () => ({ input: { instanceId: company.I1, name: 'x', expiresInDays: 1 } }) },
  RevokeApiKey: { statements: 11, variables: () => ({ input: { id: keyIds[1], acknowledged: true } }) },
  RevokeApiKeys: { statements: 9, variables: () => ({ input: { ids: [keyIds[2], keyIds[3]], acknowledged: true } }) },
  DeleteAppInstance: { statements: 10, variables: () => ({ input: { id: company.I2, acknowledged: true } }) },
}

test('every operation document but the subscriptions has its number of statements', () => {
  const names = Object.keys(documents).flatMap((name) => /^(\w+)Document$/.exec(name)?.[1] ?? [])
  expect(Object.keys(costs).sort()).toEqual(names.filter((name) => name !== 'KeyCounts').sort())
})

for (const [name, { statements, variables }] of Object.entries(costs)) {
  test(`${name} costs at most ${statements} statements`, async () => {
    const document = (documents as unknown as Record<string, typeof documents.ApiKeyDocument>)[`${name}Document`] as typeof documents.ApiKeyDocument
    server.statements.length = 0
    dataOf(await server.graphql(document, variables() as never, as('ownA')))
    const sent = server.statements.filter(
      (sql) => !/^(BEGIN|COMMIT|SAVEPOINT|RELEASE|--)|FROM api_key WHERE status = 'ACTIVE' AND expires_at <=|^\s*WITH gone AS/.test(sql),
    )
    expect(sent.length, sent.join('\n')).toBeLessThanOrEqual(statements)
    expect(sent.length).toBeGreaterThan(0)
  })
}
